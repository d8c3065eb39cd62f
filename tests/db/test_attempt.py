from __future__ import annotations

import pytest
from tests.fixtures.organizations import Tenant

from fairlead.db.attempt import take_attempt
from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


async def test_only_one_is_at_it(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """While a transaction has a name nobody else of the organization gets it, or waits; then it is free again."""

    async def taken(owner: Tenant, name: str) -> bool:
        async with database.unit_of_work(owner.scope) as session:
            return await take_attempt(session, owner.scope, name=name)

    async with database.unit_of_work(ours.scope) as session:
        assert await take_attempt(session, ours.scope, name="a")
        assert await take_attempt(session, ours.scope, name="a")
        assert not await taken(ours, "a")
        assert await taken(ours, "b")
        assert await taken(theirs, "a")
    assert await taken(ours, "a")
