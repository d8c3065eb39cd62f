from __future__ import annotations

import pytest
from tests.fixtures.accounts import differences
from tests.fixtures.items import enqueue_some
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell

from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.maintenance import folder as module
from fairlead.maintenance.folder import folder
from fairlead.runtime.loop import ASLEEP_SECONDS

pytestmark = pytest.mark.anyio


async def test_each_queue_has_one_row_again(
    resources: Resources, database: Database, ours: Tenant, theirs: Tenant, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turn by turn every queue's counters become one row that says the same."""
    monkeypatch.setattr(module, "BATCH", 1)
    for owner in (ours, ours, theirs, theirs):
        await enqueue_some(database, owner)
    loop = folder(resources, resources.database)
    waits = [await loop._turn() for _ in range(3)]
    assert waits[2] == ASLEEP_SECONDS
    assert len(await tell(database, "select 1 from item_counters")) == 2
    assert await differences(database) == []
