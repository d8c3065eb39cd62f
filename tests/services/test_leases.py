from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.fixtures import leases
from tests.fixtures.items import FINISHED, LIVE, claimed, enqueue_some, row_of
from tests.fixtures.leases import LOSSES, Loss, name_of
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.domain.item_status import ItemStatus
from fairlead.errors import ItemCancelled, LeaseLost, NotFound, ValidationFailed
from fairlead.services.leases import (
    claim_items,
    complete_item,
    end_cancelled_item,
    fail_item,
    release_item,
    renew_item,
    snooze_item,
)

pytestmark = pytest.mark.anyio
Outcome = Callable[[Session, TenantScope, str, int], Awaitable[object]]


async def _complete(session: Session, scope: TenantScope, item_id: str, lease: int) -> object:
    return await complete_item(session, scope, item_id=item_id, lease=lease, result={"a": 1})


async def _fail(session: Session, scope: TenantScope, item_id: str, lease: int) -> object:
    return await fail_item(session, scope, item_id=item_id, lease=lease, error="no")


async def _renew(session: Session, scope: TenantScope, item_id: str, lease: int) -> object:
    return await renew_item(session, scope, item_id=item_id, lease=lease, progress={"a": 1})


async def _release(session: Session, scope: TenantScope, item_id: str, lease: int) -> object:
    return await release_item(session, scope, item_id=item_id, lease=lease)


async def _snooze(session: Session, scope: TenantScope, item_id: str, lease: int) -> object:
    return await snooze_item(session, scope, item_id=item_id, lease=lease, delay_seconds=60)


OUTCOMES: list[Outcome] = [_complete, _fail, _renew, _release, _snooze]


async def test_claimed_items_come_whole_and_in_order(database: Database, ours: Tenant) -> None:
    """A claim returns whole items in the queue's order, with what an outcome has to show."""
    [low] = await enqueue_some(database, ours)
    [high] = await enqueue_some(database, ours, priority=1)

    async with database.unit_of_work(ours.scope) as session:
        held = await claim_items(session, ours.scope, queue_id=ours.queue_id, limit=10, worker_id="w")

    assert [(one.item.id, one.lease, one.item.status.value) for one in held] == [
        (high, 1, "processing"),
        (low, 1, "processing"),
    ]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
async def test_lost_leases_are_told(database: Database, ours: Tenant, *, loss: Loss, outcome: Outcome) -> None:
    """However a lease was lost, its outcome raises LeaseLost and leaves the row as it was."""
    lease = await loss(database, ours)
    before = await row_of(database, ours, lease.id)

    with pytest.raises(LeaseLost):
        async with database.unit_of_work(ours.scope) as session:
            await outcome(session, ours.scope, lease.id, lease.claims)

    assert await row_of(database, ours, lease.id) == before


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("cancelled", [leases.being_cancelled, leases.cancelled], ids=["being", "was"])
async def test_cancellations_are_told(database: Database, ours: Tenant, *, cancelled: Loss, outcome: Outcome) -> None:
    """To the holder of a cancelled item every outcome says so; it says that it stopped, as often as it likes."""
    lease = await cancelled(database, ours)
    with pytest.raises(ItemCancelled):
        async with database.unit_of_work(ours.scope) as session:
            await outcome(session, ours.scope, lease.id, lease.claims)
    for _ in range(2):
        async with database.unit_of_work(ours.scope) as session:
            item = await end_cancelled_item(session, ours.scope, item_id=lease.id, lease=lease.claims)
        assert item.status is ItemStatus.CANCELLED


@pytest.mark.parametrize(
    "loss", [loss for loss in LOSSES if loss not in {leases.being_cancelled, leases.cancelled}], ids=name_of
)
async def test_only_the_holder_of_a_cancelled_item_has_stopped(database: Database, ours: Tenant, *, loss: Loss) -> None:
    """Whoever lost the lease in another way, or never had it, is told that, and the row stays as it was."""
    lease = await loss(database, ours)
    before = await row_of(database, ours, lease.id)
    with pytest.raises(LeaseLost) as refused:
        async with database.unit_of_work(ours.scope) as session:
            await end_cancelled_item(session, ours.scope, item_id=lease.id, lease=lease.claims)
    assert refused.type is LeaseLost
    assert await row_of(database, ours, lease.id) == before


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("item_id", ["k3f9x2m7q1w8e5r4t6y0u2i9", "short", "\x00"])
async def test_unknown_items_are_told(database: Database, ours: Tenant, *, item_id: str, outcome: Outcome) -> None:
    """An outcome for an item that is not here raises NotFound, not LeaseLost."""
    with pytest.raises(NotFound):
        async with database.unit_of_work(ours.scope) as session:
            await outcome(session, ours.scope, item_id, 1)


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_row_security_alone_hides_items(
    database: Database, ours: Tenant, theirs: Tenant, *, outcome: Outcome
) -> None:
    """With our own filter aimed at another organization, row security alone hides its item from every outcome."""
    [lease] = await claimed(database, theirs)
    before = await row_of(database, theirs, lease.id)

    with pytest.raises(NotFound):
        async with database.unit_of_work(ours.scope) as session:
            await outcome(session, TenantScope(theirs.organization_id), lease.id, lease.claims)

    assert await row_of(database, theirs, lease.id) == before


async def test_results_are_kept_once(database: Database, ours: Tenant) -> None:
    """A repeated completion returns the item as the first left it."""
    [lease] = await claimed(database, ours)
    answers = []
    for result in ({"first": True}, {"second": True}):
        async with database.unit_of_work(ours.scope) as session:
            answers.append(
                await complete_item(session, ours.scope, item_id=lease.id, lease=lease.claims, result=result)
            )

    assert answers[0] == answers[1]
    assert answers[0].result == {"first": True}
    assert (await row_of(database, ours, lease.id))["leaf"] == FINISHED


async def test_errors_are_cut_and_mended_never_refused(database: Database, ours: Tenant) -> None:
    """An error text of any length and content is kept, as far as it can be."""
    [lease] = await claimed(database, ours)
    error = "a\x00b\ud800" + "x" * limits.ERROR_CHARACTERS

    async with database.unit_of_work(ours.scope) as session:
        item = await fail_item(session, ours.scope, item_id=lease.id, lease=lease.claims, error=error)

    assert item.error_message is not None
    assert item.error_message.startswith("a\\0b\\ud800x")
    assert len(item.error_message) == limits.ERROR_CHARACTERS
    assert (await row_of(database, ours, lease.id))["leaf"] == LIVE


@pytest.mark.parametrize("limit", [None, 0, 101, 2.5, True, "9"])
async def test_a_claim_has_a_bound(database: Database, ours: Tenant, *, limit: Any) -> None:
    """However it is asked for, one claim never hands out more than a hundred items."""
    with pytest.raises(ValidationFailed) as refused:
        async with database.unit_of_work(ours.scope) as session:
            await claim_items(session, ours.scope, queue_id=ours.queue_id, limit=limit, worker_id="w")
    assert refused.value.details.keys() == {"limit"}
