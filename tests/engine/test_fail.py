from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.fixtures.items import (
    FINISHED,
    FLEET,
    LIVE,
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
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import TRANSITIONS, ItemStatus
from fairlead.domain.limits import ERRORS_KEPT
from fairlead.engine.enqueue import NewItem, enqueue
from fairlead.engine.fail import Failure, fail
from fairlead.engine.reports import Lease

pytestmark = pytest.mark.anyio


async def _fail(database: Database, *failures: Failure) -> dict[str, ItemStatus]:
    async with database.unit_of_work(FLEET) as session:
        return await fail(session, FLEET, failures=failures)


@pytest.mark.parametrize("status", ItemStatus)
async def test_only_processing_items_fail(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status failing does what the life cycle says; elsewhere it changes nothing."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    outcome = await _fail(database, Failure(lease, "no"))

    after = await row_of(database, ours, lease.id)
    if status in sources_of("fail"):
        assert (outcome, after["status"]) == ({lease.id: ItemStatus.FAILED}, "failed")
    else:
        assert (outcome, after) == ({}, before)


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
async def test_a_lost_lease_fails_nothing(database: Database, ours: Tenant, loss: Loss) -> None:
    """However the lease was lost, the outcome is refused and the row stays exactly as it was."""
    lease = await loss(database, ours)
    before = await row_of(database, ours, lease.id)
    assert await _fail(database, Failure(lease, "late"), Failure(lease, "late", give_up=True)) == {}
    assert await row_of(database, ours, lease.id) == before


async def test_the_outcomes_are_those_of_the_life_cycle(database: Database, ours: Tenant) -> None:
    """A failed attempt leads to waiting while attempts are left, and to failed for the last or when given up."""
    (retried,) = await claimed(database, ours, max_attempts=2)
    (last,) = await claimed(database, ours, max_attempts=1)
    (given_up,) = await claimed(database, ours, max_attempts=5)
    outcome = await _fail(database, Failure(last, "a"), Failure(given_up, "b", give_up=True), Failure(retried, "c"))

    failed, waiting = ItemStatus.FAILED, ItemStatus.WAITING
    assert outcome == {retried.id: waiting, last.id: failed, given_up.id: failed}
    (transition,) = [transition for transition in TRANSITIONS if transition.verb == "fail"]
    assert set(outcome.values()) == transition.targets
    rows = await rows_of(database, ours, [retried.id, last.id, given_up.id])
    assert [(row["leaf"], row["status"]) for row in rows] == [
        (LIVE, "waiting"),
        (FINISHED, "failed"),
        (FINISHED, "failed"),
    ]


async def test_a_failed_attempt_without_delay_is_ready_again(database: Database, ours: Tenant) -> None:
    """Without back-off the item can be claimed at once, behind those that arrived before the failure."""
    (lease,) = await claimed(database, ours)
    (other,) = await enqueue_some(database, ours)
    await _fail(database, Failure(lease, "no"))

    row = await row_of(database, ours, lease.id)
    assert (row["ready"], row["attempts"], row["claims"]) == (True, 1, 1)
    assert [row[name] for name in ("started_at", "lease_expires_at", "worker_id")] == [None] * 3
    again = await claim_some(database, ours)
    assert [(item.id, item.attempts, item.claims) for item in again] == [(other, 1, 1), (lease.id, 2, 2)]


async def test_a_delay_keeps_the_item_from_the_claim(database: Database, ours: Tenant) -> None:
    """With a back-off the item is for later: not ready, due after the delay by the database's clock."""
    (lease,) = await claimed(database, ours)
    before = await row_of(database, ours, lease.id)
    await _fail(database, Failure(lease, "no", delay_seconds=60.5))

    row = await row_of(database, ours, lease.id)
    started, due = datetime.fromisoformat(before["started_at"]), datetime.fromisoformat(row["scheduled_for"])
    assert row["ready"] is False
    assert timedelta(seconds=60.5) <= due - started < timedelta(seconds=65)
    assert await claim_some(database, ours) == []


async def test_the_error_is_kept_with_its_attempt(database: Database, ours: Tenant) -> None:
    """Each error is remembered with the number of its attempt and its time, the last also by itself."""
    (lease,) = await claimed(database, ours, max_attempts=2)
    await _fail(database, Failure(lease, "first: é\n"))
    await _fail(database, Failure((await claim_one(database, ours)).lease, "second"))

    row = await row_of(database, ours, lease.id)
    assert [(error["attempt"], error["error"]) for error in row["errors"]] == [(1, "first: é\n"), (2, "second")]
    assert row["error_message"] == "second"
    assert datetime.fromisoformat(row["errors"][1]["at"]) == datetime.fromisoformat(row["finished_at"])


@pytest.mark.parametrize("ending", [0, 1], ids=["waiting", "failed"])
async def test_only_the_last_errors_are_kept(database: Database, ours: Tenant, ending: int) -> None:
    """However often an item fails it remembers the last ten errors, the newest at the end."""
    failures = ERRORS_KEPT + 3
    await enqueue_some(database, ours, max_attempts=failures + 1 - ending)
    for number in range(1, failures + 1):
        lease = (await claim_one(database, ours)).lease
        await _fail(database, Failure(lease, f"error {number}"))

    row = await row_of(database, ours, lease.id)
    assert [error["attempt"] for error in row["errors"]] == list(range(4, failures + 1))
    assert row["status"] == ("failed" if ending else "waiting")


async def test_an_item_ends_after_its_attempts(database: Database, ours: Tenant) -> None:
    """An item that always fails is claimed exactly `max_attempts` times and then has failed."""
    (item_id,) = await enqueue_some(database, ours, max_attempts=4)
    outcomes = []
    while items := await claim_some(database, ours):
        outcomes += [(await _fail(database, Failure(item.lease, "no")))[item.id] for item in items]
    assert outcomes == [ItemStatus.WAITING] * 3 + [ItemStatus.FAILED]
    row = await row_of(database, ours, item_id)
    assert (row["attempts"], row["claims"], row["result"], row["completed_at"]) == (4, 4, None, None)


async def test_a_repeated_failure_is_refused(database: Database, ours: Tenant) -> None:
    """A second report of the same lease comes too late and counts nothing twice."""
    (lease,) = await claimed(database, ours)
    await _fail(database, Failure(lease, "no"))
    before = await row_of(database, ours, lease.id)
    assert await _fail(database, Failure(lease, "no")) == {}
    assert await row_of(database, ours, lease.id) == before


async def test_a_mixed_batch_answers_each_for_itself(database: Database, ours: Tenant) -> None:
    """In one batch a lost and an unknown lease do not keep the others from failing, nor mix their errors."""
    leases = await claimed(database, ours, 3)
    lost = Lease(leases[0].organization_id, leases[0].id, 99)
    outcome = await _fail(
        database,
        Failure(leases[2], "c"),
        Failure(never_granted(ours), "x"),
        Failure(lost, "a"),
        Failure(leases[1], "b"),
    )
    assert set(outcome) == {leases[1].id, leases[2].id}
    rows = await rows_of(database, ours, [lease.id for lease in leases])
    assert [row["error_message"] for row in rows] == [None, "b", "c"]


async def test_equal_ids_of_two_organizations_do_not_mix(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """An id is unique only inside its organization: a batch of the fleet keeps errors apart."""
    item_id = new_id()
    failures = []
    for owner in (ours, theirs):
        async with database.unit_of_work(owner.scope) as session:
            items = [NewItem(id=item_id, payload={})]
            await enqueue(session, owner.scope, queue_id=owner.queue_id, items=items)
        failures.append(Failure((await claim_one(database, owner)).lease, f"of {owner.organization_id}"))
    await _fail(database, *failures)

    errors = [(await row_of(database, owner, item_id))["error_message"] for owner in (ours, theirs)]
    assert errors == [f"of {ours.organization_id}", f"of {theirs.organization_id}"]


async def test_nothing_to_fail_is_no_error(database: Database) -> None:
    """An empty batch fails nothing."""
    assert await _fail(database) == {}


async def test_a_stale_lease_beside_the_current_one_says_nothing(database: Database, ours: Tenant) -> None:
    """When one batch shows an item's old and its current lease, only what is said with the current one counts."""
    (old,) = await claimed(database, ours)
    await _fail(database, Failure(old, "first"))
    item = await claim_one(database, ours)
    assert item.id in await _fail(database, Failure(old, "stale", 3600.0), Failure(item.lease, "current"))
    row = await row_of(database, ours, item.id)
    assert (row["error_message"], row["ready"], row["attempts"]) == ("current", True, 2)
