from __future__ import annotations

import httpx
import pytest
from tests.fixtures.people import actions, tell
from tests.fixtures.signing import PASSWORD, Account, Mailbox, bearer, token_in

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio
SIGN_UP = {"email": "Ada@Example.org", "password": PASSWORD, "name": "Ada", "organization": "Analytical Engines"}


async def test_from_nothing_to_an_organization(
    visitor: httpx.AsyncClient, database: Database, mailbox: Mailbox
) -> None:
    """Whoever signs up and shows the token of the mail has an organization, its owner's role and a queue."""
    asked = await visitor.post("/api/auth/sign-up", json=SIGN_UP)
    assert (asked.status_code, asked.json()) == (202, {"data": {"email": "ada@example.org"}})
    assert await tell(database, "select 1 from users") == []
    token = token_in(await mailbox.collect(database))
    verified = await visitor.post("/api/auth/verify", json={"token": token})
    made = verified.json()["data"]
    assert (made["user"]["email"], made["user"]["emailVerified"]) == ("ada@example.org", True)
    assert (made["organization"]["slug"], made["queue"]["name"]) == ("analytical-engines", "default")

    entered = await visitor.post("/api/auth/sign-in", json={"email": SIGN_UP["email"], "password": PASSWORD})

    token = entered.json()["data"]["token"]
    queues = await visitor.get(f"/api/organizations/{made['organization']['id']}/queues", headers=bearer(token))
    assert [queue["id"] for queue in queues.json()["data"]] == [made["queue"]["id"]]
    assert "user.password_set" in await actions(database)
    assert await mailbox.collect(database) == []


async def test_a_known_address_is_not_told(
    visitor: httpx.AsyncClient, database: Database, mailbox: Mailbox, account: Account
) -> None:
    """Whoever signs up with the address of an account is answered as anybody; its owner gets a mail without a token."""
    known, unknown = [
        await visitor.post("/api/auth/sign-up", json={**SIGN_UP, "email": email}, headers={"x-request-id": "same"})
        for email in (account.user.email, "nobody@example.org")
    ]

    assert known.status_code == unknown.status_code == 202
    assert known.text.replace(account.user.email, "") == unknown.text.replace("nobody@example.org", "")
    letters = {letter.recipient: letter for letter in await mailbox.collect(database)}
    assert letters[account.user.email].subject == "You have an account already"
    assert "flv_" not in letters[account.user.email].body
    assert "flv_" in letters["nobody@example.org"].body


async def test_who_comes_second_finds_the_account(
    visitor: httpx.AsyncClient, database: Database, mailbox: Mailbox
) -> None:
    """Of two sign-ups with one address the first that is confirmed makes the account, with its own password."""
    for password in (PASSWORD, "a password of somebody else"):
        await visitor.post("/api/auth/sign-up", json={**SIGN_UP, "password": password})
    first, second = [token_in([letter]) for letter in await mailbox.collect(database)]
    assert (await visitor.post("/api/auth/verify", json={"token": first})).status_code == 200

    refused = await visitor.post("/api/auth/verify", json={"token": second})

    assert (refused.status_code, refused.json()["details"]) == (409, {"email": "is taken"})
    [(count,)] = await tell(database, "select count(*) from organizations where slug like 'analytical%'")
    assert count == 1


async def test_two_organizations_of_one_name(visitor: httpx.AsyncClient, database: Database, mailbox: Mailbox) -> None:
    """A name that is taken is no reason to refuse: the second organization gets a slug of its own."""
    slugs = []
    for email, name in (("a@example.org", "Acme"), ("b@example.org", "Acme"), ("c@example.org", "漢字")):
        await visitor.post("/api/auth/sign-up", json={**SIGN_UP, "email": email, "organization": name})
        token = token_in(await mailbox.collect(database))
        made = await visitor.post("/api/auth/verify", json={"token": token})
        slugs.append(made.json()["data"]["organization"]["slug"])
    assert slugs[0] == "acme"
    assert slugs[1].startswith("acme-")
    assert slugs[2].startswith("organization-")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": "Password1"}, "password"),
        ({"password": "ada@example.org"}, "password"),
        ({"password": "ä" * 513}, "password"),
        ({"email": "nobody"}, "email"),
        ({"name": " "}, "name"),
        ({"organization": ""}, "organization"),
        ({"role": "owner"}, "role"),
    ],
)
async def test_what_cannot_be_is_named(visitor: httpx.AsyncClient, wrong: dict[str, str], field: str) -> None:
    """A wrong field is named with what is wrong, and a field that nobody asked for is refused."""
    refused = await visitor.post("/api/auth/sign-up", json={**SIGN_UP, **wrong})

    assert (refused.status_code, list(refused.json()["details"])) == (400, [field])


async def test_an_address_is_confirmed_again(
    visitor: httpx.AsyncClient, database: Database, mailbox: Mailbox, account: Account
) -> None:
    """Somebody whose address is not verified shows the token of a mail; the newest one works, once."""
    entered = await visitor.post("/api/auth/sign-in", json={"email": account.user.email, "password": PASSWORD})
    own = bearer(entered.json()["data"]["token"])
    tokens = []
    for _ in range(2):
        assert (await visitor.post("/api/auth/request-verification", headers=own)).status_code == 202
        tokens.append(token_in(await mailbox.collect(database)))

    answers = [await visitor.post("/api/auth/verify", json={"token": token}) for token in (*tokens, tokens[1])]

    assert [answer.status_code for answer in answers] == [400, 200, 400]  # a new one voids the one before
    assert answers[1].json()["data"]["user"]["emailVerified"] is True
    again = await visitor.post("/api/auth/request-verification", headers=own)
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")
