from __future__ import annotations

import httpx
import pytest
from tests.fixtures.signing import Account, bearer, begin, make_account

from fairlead.db.session import Database
from fairlead.domain.ids import new_id

pytestmark = pytest.mark.anyio
PATH = "/api/auth/sessions"


async def test_ones_own_sessions(visitor: httpx.AsyncClient, database: Database, account: Account) -> None:
    """A person sees where they are signed in, and which session asks; nothing of anybody else's."""
    old, new = [await begin(database, account.user.id, address=address) for address in ("192.0.2.7", "192.0.2.8")]
    await begin(database, (await make_account(database)).user.id)

    listed = (await visitor.get(PATH, headers=bearer(old.token))).json()["data"]

    assert {(each["id"], each["address"], each["current"]) for each in listed} == {
        (new.session.id, "192.0.2.8", False),
        (old.session.id, "192.0.2.7", True),
    }


async def test_ending_one(visitor: httpx.AsyncClient, database: Database, account: Account) -> None:
    """One session is ended at once and for good; another person's is as unknown as one that never was."""
    own, other = await begin(database, account.user.id), await begin(database, account.user.id)
    theirs = await begin(database, (await make_account(database)).user.id)
    ids = (other.session.id, other.session.id, theirs.session.id, new_id(), "junk")

    statuses = [
        (await visitor.delete(f"{PATH}/{session_id}", headers=bearer(own.token))).status_code for session_id in ids
    ]

    assert statuses == [204, 404, 404, 404, 404]
    for started, status in ((own, 200), (other, 401), (theirs, 200)):
        assert (await visitor.get("/api/auth/me", headers=bearer(started.token))).status_code == status


async def test_ending_all_others(visitor: httpx.AsyncClient, database: Database, account: Account) -> None:
    """Every session but the one that asks is ended, and only that person's."""
    own, *others = [await begin(database, account.user.id) for _ in range(3)]
    theirs = await begin(database, (await make_account(database)).user.id)

    ended = await visitor.delete(PATH, headers=bearer(own.token))

    assert ended.json() == {"data": {"ended": 2}}
    for started, status in ((own, 200), (theirs, 200), *((other, 401) for other in others)):
        assert (await visitor.get("/api/auth/me", headers=bearer(started.token))).status_code == status
