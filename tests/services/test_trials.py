from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.services.queues import create_queue
from fairlead.services.trials import erase_trial, make_trial

pytestmark = pytest.mark.anyio


async def _events(database: Database) -> set[str | None]:
    async with database.unit_of_work(FLEET) as session:
        return set((await session.execute(text("select organization_id from audit_events"))).scalars())


async def test_a_trial_leaves_nothing(database: Database, ours: Tenant) -> None:
    """An erased trial is gone with its audit trail, which outlives other organizations; nobody else's is touched."""
    async with database.unit_of_work(ours.scope) as session:
        await create_queue(session, ours.scope, name="kept")
    trial = await make_trial(database, FLEET, name="Trial", queues={"work": {}})
    assert await _events(database) == {ours.organization_id, trial.scope.organization_id}

    await erase_trial(database, FLEET, trial=trial)
    assert await _events(database) == {ours.organization_id}
