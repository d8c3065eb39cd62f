from __future__ import annotations

import pytest
from tests.fixtures.keys import PEPPER, make_key, make_user, opens
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.errors import Forbidden
from fairlead.queries.api_keys import get_api_key
from fairlead.services.api_keys import delete_api_key, rotate_api_key, update_api_key
from fairlead.services.audit import Actor
from fairlead.services.members import set_roles

pytestmark = pytest.mark.anyio


async def test_a_replaced_key_does_not_come_back(database: Database, ours: Tenant) -> None:
    """When what replaced a key is deleted, the key is revoked: nothing would tell any more that its time is over."""
    old, raw = await make_key(database, ours, await make_user(database, ours))
    async with database.unit_of_work(ours.scope) as session:
        new, _ = await rotate_api_key(session, ours.scope, api_key_id=old.id, pepper=PEPPER)
    assert await opens(database, raw)

    async with database.unit_of_work(ours.scope) as session:
        await delete_api_key(session, ours.scope, api_key_id=new.id)
        assert (await get_api_key(session, ours.scope, api_key_id=old.id)).revoked_at is not None
    assert not await opens(database, raw)


async def test_scopes_that_sleep_count(database: Database, ours: Tenant) -> None:
    """A scope that a key's user cannot use at the moment is still a scope: who lacks it may not change the key."""
    user_id = await make_user(database, ours)
    await make_user(database, ours)  # another owner
    key, _ = await make_key(database, ours, user_id, ["organization:manage"])
    weak = Actor("user", permissions=frozenset({"keys:manage", "items:read"}))
    async with database.unit_of_work(ours.scope) as session:
        await set_roles(session, ours.scope, user_id=user_id, role_ids=["viewer"])
        with pytest.raises(Forbidden, match="organization:manage"):
            await update_api_key(session, ours.scope, api_key_id=key.id, expires_at=None, actor=weak)
