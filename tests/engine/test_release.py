from __future__ import annotations

import pytest
from tests.fixtures.items import (
    FLEET,
    claim_one,
    claim_some,
    claimed,
    enqueue_some,
    item_in,
    never_granted,
    row_of,
    rows_of,
    sources_of,
)
from tests.fixtures.leases import LOSSES, Loss, name_of
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.release import release
from fairlead.engine.reports import Lease

pytestmark = pytest.mark.anyio


async def _release(database: Database, *leases: Lease) -> set[str]:
    async with database.unit_of_work(FLEET) as session:
        return await release(session, FLEET, leases=leases)


@pytest.mark.parametrize("status", ItemStatus)
async def test_only_processing_items_are_released(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status releasing does what the life cycle says; elsewhere it changes nothing."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    released = await _release(database, lease)

    after = await row_of(database, ours, lease.id)
    if status in sources_of("release"):
        assert (released, after["status"]) == ({lease.id}, "waiting")
    else:
        assert (released, after) == (set(), before)


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
async def test_a_lost_lease_releases_nothing(database: Database, ours: Tenant, loss: Loss) -> None:
    """However the lease was lost, giving back is refused and the row stays exactly as it was."""
    lease = await loss(database, ours)
    before = await row_of(database, ours, lease.id)
    assert await _release(database, lease) == set()
    assert await row_of(database, ours, lease.id) == before


async def test_a_released_item_is_as_if_never_claimed_but_for_its_claims(database: Database, ours: Tenant) -> None:
    """Releasing gives the attempt back but not the claim; every other column is what it was before the claim."""
    (item_id,) = await enqueue_some(database, ours)
    before = await row_of(database, ours, item_id)
    await _release(database, (await claim_one(database, ours)).lease)
    assert await row_of(database, ours, item_id) == before | {"claims": 1}


async def test_a_released_item_keeps_its_place(database: Database, ours: Tenant) -> None:
    """An item that was given back is claimed again before those that came after it."""
    ids = await enqueue_some(database, ours, 3)
    (first,) = await claim_some(database, ours, 1)
    await _release(database, first.lease)
    assert [item.id for item in await claim_some(database, ours)] == ids


async def test_a_repeated_release_is_refused(database: Database, ours: Tenant) -> None:
    """A second release of the same lease gives no second attempt back."""
    (lease,) = await claimed(database, ours)
    await _release(database, lease)
    before = await row_of(database, ours, lease.id)
    assert await _release(database, lease) == set()
    assert await row_of(database, ours, lease.id) == before


async def test_a_mixed_batch_releases_what_is_current(database: Database, ours: Tenant) -> None:
    """In one batch current leases are given back whatever stands beside them."""
    leases = await claimed(database, ours, 3)
    lost = Lease(leases[0].organization_id, leases[0].id, 99)
    assert await _release(database, leases[2], never_granted(ours), lost, leases[1]) == {leases[1].id, leases[2].id}
    rows = await rows_of(database, ours, [lease.id for lease in leases])
    assert [(row["status"], row["attempts"]) for row in rows] == [("processing", 1), ("waiting", 0), ("waiting", 0)]


async def test_nothing_to_release_is_no_error(database: Database) -> None:
    """An empty batch releases nothing."""
    assert await _release(database) == set()
