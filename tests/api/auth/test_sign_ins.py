from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.people import actions, tell
from tests.fixtures.signing import PASSWORD, Account, bearer, coming_from

from fairlead.db.session import Database, Session
from fairlead.services.passwords import Passwords

pytestmark = pytest.mark.anyio


def _sign_in(account: Account, **other: object) -> dict[str, object]:
    return {"email": account.user.email, "password": PASSWORD, **other}


async def test_signing_in_and_out(visitor: httpx.AsyncClient, database: Database, account: Account) -> None:
    """A session begins with the right password and ends when its owner signs out; both are in the trail."""
    entered = await visitor.post("/api/auth/sign-in", json=_sign_in(account))
    data = entered.json()["data"]
    own = bearer(data["token"])
    assert data["token"].startswith("fls_")
    assert data["session"]["current"] is True
    assert entered.headers["cache-control"] == "no-store"
    assert (await visitor.get("/api/auth/me", headers=own)).json()["data"]["user"] == data["user"]

    left = await visitor.post("/api/auth/sign-out", headers=own)

    assert left.status_code == 204
    assert (await visitor.get("/api/auth/me", headers=own)).status_code == 401
    assert {"user.signed_in", "user.signed_out"} <= set(await actions(database))


async def test_a_wrong_password_and_an_unknown_address_are_told_alike(
    visitor: httpx.AsyncClient, account: Account
) -> None:
    """Nobody learns from a sign-in whether an address has an account."""
    told = [
        await visitor.post("/api/auth/sign-in", json=body, headers={"x-request-id": "same"})
        for body in (
            _sign_in(account, password="not the password"),
            _sign_in(account, email="nobody@example.org"),
        )
    ]

    assert [answer.status_code for answer in told] == [401, 401]
    assert told[0].content == told[1].content
    assert told[0].json()["code"] == "WRONG_CREDENTIALS"


@pytest.mark.parametrize("change", ["update users set deleted_at = now()", "delete from credentials"])
async def test_who_is_gone_is_nobody(
    visitor: httpx.AsyncClient, database: Database, account: Account, *, change: str
) -> None:
    """A deleted user, and one without a password, are told the same as anybody."""
    await tell(database, change)

    assert (await visitor.post("/api/auth/sign-in", json=_sign_in(account))).status_code == 401


async def test_a_browser_gets_a_cookie_that_no_script_reads(app: FastAPI, account: Account) -> None:
    """With `cookie` the token is in a cookie alone: HttpOnly, Secure, SameSite, of this host; it is dropped again."""
    async with coming_from(app) as browser:
        own_page = {"sec-fetch-site": "same-origin"}
        entered = await browser.post("/api/auth/sign-in", json=_sign_in(account, cookie=True), headers=own_page)
        cookie = entered.headers["set-cookie"]
        assert cookie.startswith("__Host-fairlead=fls_")
        for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=7776000"):
            assert part in cookie
        assert entered.json()["data"]["token"] is None
        assert (await browser.get("/api/auth/me")).status_code == 200

        left = await browser.post("/api/auth/sign-out", headers=own_page)

        assert 'fairlead=""; HttpOnly; Max-Age=0' in left.headers["set-cookie"]
        assert (await browser.get("/api/auth/me")).status_code == 401


async def test_a_stronger_hash_is_kept_at_the_next_sign_in(
    visitor: httpx.AsyncClient, app: FastAPI, database: Database, account: Account
) -> None:
    """A password whose hash is weaker than today's is hashed anew when it is shown."""
    app.state.passwords = Passwords()

    entered = await visitor.post("/api/auth/sign-in", json=_sign_in(account))

    [(kept,)] = await tell(database, "select secret_hash from credentials")
    assert entered.status_code == 200
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_every_sign_in_has_a_token_of_its_own(visitor: httpx.AsyncClient, account: Account) -> None:
    """No token is taken over from anywhere: whatever a request brings along, the session's token is a new one."""
    planted = "fls_" + "A" * 43
    headers = {"authorization": f"Bearer {planted}", "cookie": f"__Host-fairlead={planted}"}
    tokens = {
        (await visitor.post("/api/auth/sign-in", json=_sign_in(account), headers=headers)).json()["data"]["token"]
        for _ in range(3)
    }

    assert len(tokens) == 3
    assert planted not in tokens
    assert (await visitor.get("/api/auth/me", headers=bearer(planted))).status_code == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sign-in", {"password": "not the password"}),
        ("request-reset", {}),
        ("sign-up", {"password": PASSWORD, "name": "Ada", "organization": "Acme"}),
    ],
)
async def test_a_known_address_asks_the_same_of_the_database(
    visitor: httpx.AsyncClient, account: Account, monkeypatch: pytest.MonkeyPatch, *, path: str, body: dict[str, str]
) -> None:
    """Known or not, an address costs the same statements in the same order, so that time tells nothing either."""
    sent: list[str] = []
    for name in ("run", "row_count", "execute"):
        method = getattr(Session, name)

        async def noted(self: Session, statement: Any, *given: Any, method: Any = method) -> Any:
            sent.append(str(getattr(statement, "driver_text", statement)))
            return await method(self, statement, *given)

        monkeypatch.setattr(Session, name, noted)

    async def asked(email: str) -> list[str]:
        sent.clear()
        await visitor.post(f"/api/auth/{path}", json={**body, "email": email})
        return list(sent)

    await asked("somebody@example.org")  # the first mail makes the queue of mails

    known, unknown = await asked(account.user.email), await asked("nobody@example.org")

    assert known == unknown
    assert len(known) >= 2
