from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.fixtures.items import FLEET, claimed, item_in, never_granted, row_of, sources_of
from tests.fixtures.leases import LOSSES, Loss, name_of
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease

pytestmark = pytest.mark.anyio


async def _renew(
    database: Database, *leases: Lease, seconds: int = 60, progress: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, datetime]:
    async with database.unit_of_work(FLEET) as session:
        return await renew(session, FLEET, leases=leases, lease_seconds=seconds, progress=progress)


@pytest.mark.parametrize("status", ItemStatus)
async def test_only_processing_items_are_renewed(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status a renewal does what the life cycle says; elsewhere it changes nothing."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    renewed = await _renew(database, lease)

    after = await row_of(database, ours, lease.id)
    if status in sources_of("renew"):
        assert set(renewed) == {lease.id}
        assert after == before | {"lease_expires_at": after["lease_expires_at"]}
        assert after["lease_expires_at"] > before["lease_expires_at"]
    else:
        assert (renewed, after) == ({}, before)


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
async def test_a_lost_lease_is_not_renewed(database: Database, ours: Tenant, loss: Loss) -> None:
    """However the lease was lost, a renewal is refused and the row stays exactly as it was."""
    lease = await loss(database, ours)
    before = await row_of(database, ours, lease.id)
    assert await _renew(database, lease, progress={lease.id: {"done": 1}}) == {}
    assert await row_of(database, ours, lease.id) == before


async def test_the_new_end_is_told(database: Database, ours: Tenant) -> None:
    """A renewal answers with the lease's new end, which is what the row says."""
    (lease,) = await claimed(database, ours)
    renewed = await _renew(database, lease, seconds=600)
    row = await row_of(database, ours, lease.id)
    assert renewed == {lease.id: datetime.fromisoformat(row["lease_expires_at"])}
    left = renewed[lease.id] - datetime.fromisoformat(row["started_at"])
    assert timedelta(seconds=600) <= left < timedelta(seconds=610)


async def test_a_renewal_never_shortens(database: Database, ours: Tenant) -> None:
    """Asking for less than is left keeps the lease as long as it was."""
    (lease,) = await claimed(database, ours)
    long = await _renew(database, lease, seconds=3600)
    assert await _renew(database, lease, seconds=1) == long


async def test_progress_rides_along(database: Database, ours: Tenant) -> None:
    """Progress is kept for the item it is for, and stays when a later renewal brings none."""
    first, second = await claimed(database, ours, 2)
    await _renew(database, first, second, progress={first.id: {"done": 3}})
    await _renew(database, first, second)
    rows = [await row_of(database, ours, lease.id) for lease in (first, second)]
    assert [row["progress"] for row in rows] == [{"done": 3}, None]


async def test_a_mixed_batch_renews_what_is_current(database: Database, ours: Tenant) -> None:
    """In one batch current leases are renewed whatever stands beside them."""
    good = await claimed(database, ours, 3)
    lost = Lease(good[0].organization_id, good[0].id, 99)
    renewed = await _renew(database, good[2], never_granted(ours), lost, good[1])
    assert set(renewed) == {good[1].id, good[2].id}


async def test_nothing_to_renew_is_no_error(database: Database) -> None:
    """An empty batch renews nothing."""
    assert await _renew(database) == {}
