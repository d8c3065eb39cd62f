from __future__ import annotations

import httpx
import pytest
from tests.fixtures.people import tell
from tests.fixtures.signing import PASSWORD, Account, Mailbox, bearer, begin, token_in

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio
NEW = "another password for tests"


async def test_changing_a_password(visitor: httpx.AsyncClient, database: Database, account: Account) -> None:
    """The old password has to be shown; then it is worth nothing, every session is over, and a new one begins."""
    own, other = [bearer((await begin(database, account.user.id)).token) for _ in range(2)]
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    wrong = await visitor.post("/api/auth/change-password", json={**body, "currentPassword": NEW}, headers=own)
    weak = await visitor.post("/api/auth/change-password", json={**body, "newPassword": "12345678"}, headers=own)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "WRONG_CREDENTIALS")
    assert (weak.status_code, list(weak.json()["details"])) == (400, ["newPassword"])

    changed = await visitor.post("/api/auth/change-password", json=body, headers=own)

    fresh = bearer(changed.json()["data"]["token"])
    for headers, status in ((own, 401), (other, 401), (fresh, 200)):
        assert (await visitor.get("/api/auth/me", headers=headers)).status_code == status
    for password, status in ((PASSWORD, 401), (NEW, 200)):
        entered = await visitor.post("/api/auth/sign-in", json={"email": account.user.email, "password": password})
        assert entered.status_code == status


async def test_a_new_password_by_mail(
    visitor: httpx.AsyncClient, database: Database, mailbox: Mailbox, account: Account
) -> None:
    """Who reads the mail chooses a new password, once; every session is over, and the address is verified."""
    own = bearer((await begin(database, account.user.id)).token)
    tokens = []
    for _ in range(2):
        await visitor.post("/api/auth/request-reset", json={"email": account.user.email.upper()})
        tokens.append(token_in(await mailbox.collect(database)))
    weak = await visitor.post("/api/auth/reset", json={"token": tokens[1], "password": "12345678"})
    assert weak.status_code == 400

    statuses = [
        (await visitor.post("/api/auth/reset", json={"token": token, "password": NEW})).status_code
        for token in (*tokens, tokens[1], "flr_" + "x" * 43)
    ]

    assert statuses == [400, 204, 400, 400]
    assert (await visitor.get("/api/auth/me", headers=own)).status_code == 401
    entered = await visitor.post("/api/auth/sign-in", json={"email": account.user.email, "password": NEW})
    assert entered.json()["data"]["user"]["emailVerified"] is True


async def test_an_unknown_address_gets_the_same_answer_and_no_mail(
    visitor: httpx.AsyncClient, database: Database, mailbox: Mailbox, account: Account
) -> None:
    """Whether an address has an account shows in no byte of the answer, and in the same rows whoever asks."""
    answers = [
        await visitor.post("/api/auth/request-reset", json={"email": email}, headers={"x-request-id": "same"})
        for email in (account.user.email, "nobody@example.org")
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].text.replace(account.user.email, "nobody@example.org") == answers[1].text
    assert len(await tell(database, "select 1 from verifications where user_id is null")) == 2
    assert [letter.recipient for letter in await mailbox.collect(database)] == [account.user.email]


@pytest.mark.parametrize(
    "change",
    [
        "update verifications set expires_at = now() where purpose = 'reset_password'",
        "update users set email = 'elsewhere@example.org'",
        "update users set deleted_at = now()",
    ],
)
async def test_a_token_that_is_not_good_any_more(
    visitor: httpx.AsyncClient, database: Database, mailbox: Mailbox, account: Account, *, change: str
) -> None:
    """A token is good until its time is over, and for the address that it was sent to."""
    await visitor.post("/api/auth/request-reset", json={"email": account.user.email})
    token = token_in(await mailbox.collect(database))
    await tell(database, change)

    refused = await visitor.post("/api/auth/reset", json={"token": token, "password": NEW})

    assert (refused.status_code, refused.json()["code"]) == (400, "TOKEN_INVALID")


async def test_a_token_is_for_one_purpose(
    visitor: httpx.AsyncClient, database: Database, mailbox: Mailbox, account: Account
) -> None:
    """A token of a reset verifies nothing, and is not used up by the try."""
    await visitor.post("/api/auth/request-reset", json={"email": account.user.email})
    token = token_in(await mailbox.collect(database))

    refused = await visitor.post("/api/auth/verify", json={"token": token})

    assert refused.json()["code"] == "TOKEN_INVALID"
    assert (await visitor.post("/api/auth/reset", json={"token": token, "password": NEW})).status_code == 204
