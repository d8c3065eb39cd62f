from __future__ import annotations

import pytest
from tests.fixtures.items import item_in
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell
from tests.fixtures.workers import count_by_status

from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.domain.item_status import ItemStatus
from fairlead.maintenance import pruner as module
from fairlead.maintenance.pruner import pruner
from fairlead.runtime.loop import ASLEEP_SECONDS

pytestmark = pytest.mark.anyio

_OVER = """
insert into unique_periods (organization_id, queue_id, unique_key, item_id, expires_at)
select organization_id, id, 'over', id, statement_timestamp() from queues
"""


async def test_a_turn_prunes_a_batch(
    resources: Resources, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finished items and periods that are over go batch by batch until none is left; what is kept stays."""
    monkeypatch.setattr(module, "BATCH", 2)
    await item_in(database, ours, ItemStatus.COMPLETED)
    owner = await make_tenant(database, retention_seconds=0)
    for _ in range(3):
        await item_in(database, owner, ItemStatus.COMPLETED)
    await tell(database, _OVER)
    loop = pruner(resources, resources.database)
    waits = [await loop._turn() for _ in range(2)]
    assert waits[0] < waits[1] == ASLEEP_SECONDS
    assert await count_by_status(database) == {"completed": 1}
    assert await tell(database, "select 1 from unique_periods") == []
