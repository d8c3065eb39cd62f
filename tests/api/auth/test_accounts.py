from __future__ import annotations

import httpx
import pytest
from tests.fixtures.people import tell
from tests.fixtures.signing import Account, Mailbox, bearer, begin, token_in

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


async def test_one_reads_who_one_is(visitor: httpx.AsyncClient, database: Database, account: Account) -> None:
    """`me` tells the account and the session, and nothing that is secret."""
    started = await begin(database, account.user.id)
    answer = await visitor.get("/api/auth/me", headers=bearer(started.token))
    me = answer.json()["data"]

    assert (me["user"]["email"], me["sessionId"], me["secondFactor"]) == (account.user.email, started.session.id, False)
    assert "hash" not in answer.text.lower()
    assert started.token not in answer.text
    assert (await visitor.get("/api/auth/me")).status_code == 401


async def test_an_address_is_verified_by_mail(
    visitor: httpx.AsyncClient, database: Database, mailbox: Mailbox, account: Account
) -> None:
    """The token of the mail shows once that the address is one's own; then there is nothing left to ask for."""
    own = bearer((await begin(database, account.user.id)).token)
    await tell(database, "update users set email_verified = false returning 1")
    asked = await visitor.post("/api/auth/request-verification", headers=own)
    token = token_in(await mailbox.collect(database))
    shown = [await visitor.post("/api/auth/verify", json={"token": token}) for _ in range(2)]
    again = await visitor.post("/api/auth/request-verification", headers=own)

    assert asked.status_code == 202
    assert [answer.status_code for answer in shown] == [200, 400]
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")
    assert await mailbox.collect(database) == []
