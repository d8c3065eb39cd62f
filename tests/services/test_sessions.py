from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.sessions import sign_in

from fairlead.db.session import Database
from fairlead.domain.tokens import SESSION_PREFIX, new_token
from fairlead.errors import Unauthenticated
from fairlead.services.sessions import authenticate_session

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
