from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import anyio
import pytest
from tests.fixtures.items import FLEET, claimed, expire, rescue_all, row_of, rows_of
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database, Session
from fairlead.engine.claim import Source, claim
from fairlead.engine.complete import Completion, complete
from fairlead.engine.fail import Failure, fail
from fairlead.engine.release import release
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease
from fairlead.engine.rescue import rescue

pytestmark = pytest.mark.anyio

Outcome: TypeAlias = Callable[[Session, Sequence[Lease]], Awaitable[set[str]]]


async def _complete(session: Session, leases: Sequence[Lease]) -> set[str]:
    return await complete(session, FLEET, completions=[Completion(lease, {"by": "us"}) for lease in leases])


async def _fail(session: Session, leases: Sequence[Lease]) -> set[str]:
    return set(await fail(session, FLEET, failures=[Failure(lease, "no") for lease in leases]))


async def _release(session: Session, leases: Sequence[Lease]) -> set[str]:
    return await release(session, FLEET, leases=leases)


async def _renew(session: Session, leases: Sequence[Lease]) -> set[str]:
    return set(await renew(session, FLEET, leases=leases, lease_seconds=600))


OUTCOMES = pytest.mark.parametrize(
    ("outcome", "status"),
    [(_complete, "completed"), (_fail, "waiting"), (_release, "waiting"), (_renew, "processing")],
    ids=["complete", "fail", "release", "renew"],
)


class Racer:
    """An outcome that runs in a transaction of its own beside the test's, and what it was answered."""

    def __init__(self, database: Database, outcome: Outcome, leases: Sequence[Lease]) -> None:
        self.answer: set[str] | None = None
        self._database = database
        self._outcome = outcome
        self._leases = leases

    async def run(self) -> None:
        """Report and commit."""
        async with self._database.unit_of_work(FLEET) as session:
            self.answer = await self._outcome(session, self._leases)


@OUTCOMES
async def test_an_outcome_that_waited_for_a_renewal_is_accepted(
    database: Database, ours: Tenant, outcome: Outcome, status: str
) -> None:
    """A renewal that commits while an outcome waits for the row does not cost the holder its outcome."""
    (lease,) = await claimed(database, ours)
    racer = Racer(database, outcome, [lease])
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        await renew(session, FLEET, leases=[lease], lease_seconds=300, progress={lease.id: {"done": 1}})
        tasks.start_soon(racer.run)
        await until_blocked(database)
        # Here the renewal commits and the outcome goes on.
    row = await row_of(database, ours, lease.id)
    assert (racer.answer, row["status"], row["progress"]) == ({lease.id}, status, {"done": 1})


@OUTCOMES
async def test_a_batch_of_which_one_was_renewed_is_accepted_whole(
    database: Database, ours: Tenant, outcome: Outcome, status: str
) -> None:
    """One renewal among many items costs none of the batch its outcome, and no item gets it twice."""
    leases = await claimed(database, ours, 5)
    racer = Racer(database, outcome, leases)
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        await renew(session, FLEET, leases=[leases[1], leases[3]], lease_seconds=300)
        tasks.start_soon(racer.run)
        await until_blocked(database)
    rows = await rows_of(database, ours, [lease.id for lease in leases])
    assert racer.answer == {lease.id for lease in leases}
    assert [(row["status"], row["claims"]) for row in rows] == [(status, 1)] * 5
    assert {len(row["errors"]) for row in rows} == ({1} if outcome is _fail else {0})


@OUTCOMES
@pytest.mark.parametrize("attempts", [1, 3], ids=["the-last-attempt", "attempts-left"])
async def test_an_outcome_that_waited_for_a_rescue_is_refused(
    database: Database, ours: Tenant, outcome: Outcome, status: str, attempts: int
) -> None:
    """When a rescue commits while an outcome waits for the row, the outcome is refused and changes nothing."""
    (lease,) = await claimed(database, ours, max_attempts=attempts)
    await expire(database, lease)
    racer = Racer(database, outcome, [lease])
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        assert len(await rescue(session, FLEET, most=10)) == 1
        tasks.start_soon(racer.run)
        await until_blocked(database)
    row = await row_of(database, ours, lease.id)
    rescued = "failed" if attempts == 1 else "waiting"
    assert (racer.answer, row["status"], len(row["errors"])) == (set(), rescued, 1), f"not {status}"


@OUTCOMES
async def test_an_outcome_that_waited_for_a_rescue_and_a_claim_is_refused(
    database: Database, ours: Tenant, outcome: Outcome, status: str
) -> None:
    """When the item is rescued and claimed by another while an outcome waits, the new holder's lease is untouched."""
    (old,) = await claimed(database, ours)
    await expire(database, old)
    racer = Racer(database, outcome, [old])
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        await rescue(session, FLEET, most=10)
        sources = [Source(ours.organization_id, ours.queue_id, 1)]
        (item,) = await claim(session, FLEET, sources=sources, worker_id="another")
        tasks.start_soon(racer.run)
        await until_blocked(database)
    row = await row_of(database, ours, old.id)
    assert racer.answer == set(), f"not {status}"
    assert (row["status"], row["claims"], row["worker_id"]) == ("processing", item.claims, "another")


@OUTCOMES
async def test_a_rescue_does_not_see_what_an_outcome_is_about_to_change(
    database: Database, ours: Tenant, outcome: Outcome, status: str
) -> None:
    """While an outcome is on its way, a rescue takes nothing and does not wait; afterwards there is nothing to take."""
    (lease,) = await claimed(database, ours)
    async with database.unit_of_work(FLEET) as session:
        assert await outcome(session, [lease]) == {lease.id}
        assert await rescue_all(database) == []
    assert await rescue_all(database) == []
    assert (await row_of(database, ours, lease.id))["status"] == status


async def test_two_completions_of_one_lease_are_both_accepted(database: Database, ours: Tenant) -> None:
    """A report that was sent twice at once is accepted twice and stored once."""
    (lease,) = await claimed(database, ours)
    racer = Racer(database, _complete, [lease])
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        assert await complete(session, FLEET, completions=[Completion(lease, {"by": "first"})]) == {lease.id}
        tasks.start_soon(racer.run)
        await until_blocked(database)
    row = await row_of(database, ours, lease.id)
    assert (racer.answer, row["status"], row["result"]) == ({lease.id}, "completed", {"by": "first"})


@pytest.mark.parametrize("outcome", [_fail, _release], ids=["fail", "release"])
async def test_a_completion_that_waited_for_another_outcome_is_refused(
    database: Database, ours: Tenant, outcome: Outcome
) -> None:
    """Of two different outcomes of one lease the first to lock the row wins and the other changes nothing."""
    (lease,) = await claimed(database, ours)
    racer = Racer(database, _complete, [lease])
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        assert await outcome(session, [lease]) == {lease.id}
        tasks.start_soon(racer.run)
        await until_blocked(database)
    row = await row_of(database, ours, lease.id)
    assert (racer.answer, row["status"], row["result"]) == (set(), "waiting", None)


@OUTCOMES
async def test_an_outcome_that_waited_for_one_rolled_back_is_accepted(
    database: Database, ours: Tenant, outcome: Outcome, status: str
) -> None:
    """When the transaction that was first rolls back, the one that waited is as if it had been alone."""
    (lease,) = await claimed(database, ours)
    racer = Racer(database, outcome, [lease])

    async def completes_in_vain(tasks: anyio.abc.TaskGroup) -> None:
        async with database.unit_of_work(FLEET) as session:
            await _complete(session, [lease])
            tasks.start_soon(racer.run)
            await until_blocked(database)
            raise RuntimeError("the process dies here")

    async with anyio.create_task_group() as tasks:
        with pytest.raises(RuntimeError):
            await completes_in_vain(tasks)
    assert (racer.answer, (await row_of(database, ours, lease.id))["status"]) == ({lease.id}, status)


@OUTCOMES
async def test_batches_in_opposite_orders_never_deadlock(
    database: Database, ours: Tenant, outcome: Outcome, status: str
) -> None:
    """Two batches over the same items, given in opposite orders, lock in one order: both end, none in a deadlock."""
    leases = sorted(await claimed(database, ours, 40), key=lambda lease: lease.id)
    racers = [Racer(database, outcome, leases), Racer(database, outcome, leases[::-1])]
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        # With the middle item held, batches locking in the order given would each hold half of the items.
        await renew(session, FLEET, leases=[leases[20]], lease_seconds=300)
        for racer in racers:
            tasks.start_soon(racer.run)
        await until_blocked(database, 2)
    rows = await rows_of(database, ours, [lease.id for lease in leases])
    assert {row["status"] for row in rows} == {status}
    accepted = [len(racer.answer or ()) for racer in racers]
    assert sorted(accepted) == ([40, 40] if outcome in {_complete, _renew} else [0, 40])
