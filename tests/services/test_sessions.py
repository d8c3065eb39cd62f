from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import call, tell
from tests.fixtures.sessions import sign_in

from fairlead.db.session import Database
from fairlead.domain.tokens import SESSION_PREFIX, new_token, token_hash
from fairlead.errors import Unauthenticated
from fairlead.services.sessions import Client, authenticate_session, start_session

pytestmark = pytest.mark.anyio
ENDS = (
    "update sessions set revoked_at = now()",
    "update sessions set expires_at = now()",
    "update sessions set idle_expires_at = now()",
    "update users set deleted_at = now()",
    "delete from users",
)


async def test_a_session_stands_for_its_user(database: Database, ours: Tenant) -> None:
    """A token that goes on is its user's."""
    user_id = await make_user(database, ours)
    token = await sign_in(database, user_id)
    await sign_in(database, await make_user(database, ours))

    async with database.unit_of_work(FLEET) as session:
        assert (await authenticate_session(session, FLEET, token=token)).user_id == user_id


@pytest.mark.parametrize("end", ENDS)
async def test_sessions_end(database: Database, ours: Tenant, *, end: str) -> None:
    """A session that was ended or is over, or whose user is gone, is as unknown as any other."""
    token = await sign_in(database, await make_user(database, ours))
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text(end))

    async with database.unit_of_work(FLEET) as session:
        for shown in (token, new_token(SESSION_PREFIX), "junk"):
            with pytest.raises(Unauthenticated, match="Send a valid API key, or the token of a session"):
                await authenticate_session(session, FLEET, token=shown)


async def test_a_session_that_is_used_goes_on(database: Database, ours: Tenant) -> None:
    """Using a session moves its idle end on, but not at every use, and never its absolute one."""
    token = await sign_in(database, await make_user(database, ours))
    ends = "select last_seen_at, idle_expires_at, expires_at from sessions"
    before = await tell(database, ends)
    await call(database, FLEET, authenticate_session, token=token)
    assert await tell(database, ends) == before
    await tell(
        database, "update sessions set last_seen_at = now() - interval '1 hour', idle_expires_at = now() + '1 s'"
    )

    await call(database, FLEET, authenticate_session, token=token)

    [(used, idle_end, end)] = await tell(database, ends)
    assert idle_end - used == timedelta(days=14)
    assert end == before[0].expires_at


async def test_what_a_session_remembers(database: Database, ours: Tenant) -> None:
    """A session remembers from where it began, at most so much of the program's name, and a hash of its token."""
    user_id = await make_user(database, ours)
    client = Client("192.0.2.1", "x" * 1000, "the-request")
    started = await call(database, FLEET, start_session, user_id=user_id, client=client)

    [row] = await tell(database, "select * from sessions")
    assert (row.address, len(row.user_agent), row.token_hash) == ("192.0.2.1", 200, token_hash(started.token))
    assert row.expires_at - row.idle_expires_at == timedelta(days=90 - 14)
    assert started.token not in f"{started!r} {row!r}"
