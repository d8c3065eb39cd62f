from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from tests.fixtures.accounts import differences
from tests.fixtures.items import claimed
from tests.fixtures.organizations import make_tenant
from tests.fixtures.people import tell

from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.maintenance.reconciler import reconciler
from fairlead.runtime.loop import ASLEEP_SECONDS

pytestmark = pytest.mark.anyio


async def test_what_is_wrong_is_put_right_and_said(resources: Resources, database: Database) -> None:
    """Slots that differ from the leases are corrected, and each correction is logged."""
    owner = await make_tenant(database, max_concurrency=5)
    await claimed(database, owner, 2)
    await tell(database, "update slots set taken = taken + 3 where queue_id <> ''")
    with capture_logs() as logs:
        assert await reconciler(resources, resources.database)._turn() == ASLEEP_SECONDS
    assert await differences(database) == []
    [line] = logs
    assert (line["event"], line["queue_id"], line["difference"]) == ("slots_corrected", owner.queue_id, -3)


async def test_what_is_right_is_passed_over(resources: Resources, database: Database) -> None:
    """Where the slots are what the leases say nothing is changed or said."""
    await claimed(database, await make_tenant(database, max_concurrency=5), 2)
    with capture_logs() as logs:
        await reconciler(resources, resources.database)._turn()
    assert logs == []
    assert await differences(database) == []
