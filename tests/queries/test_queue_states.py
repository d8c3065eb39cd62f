from __future__ import annotations

import pytest
from tests.fixtures.items import FLEET, enqueue_some, one_in_each_status
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import call
from tests.fixtures.statements import opened
from tests.fixtures.waiting import until

from fairlead.db.session import Database
from fairlead.engine.fold import fold
from fairlead.queries.queue_states import QueueStates, get_queue_states
from fairlead.services.queues import create_queue, pause_queue, purge_queue, soft_delete_queue

pytestmark = pytest.mark.anyio


async def states(database: Database, owner: Tenant, *, since: int | None = None) -> QueueStates:
    """Return the states in a transaction of its own."""
    return await call(database, owner.scope, get_queue_states, since=since)


async def settled(database: Database, owner: Tenant) -> QueueStates:
    """Return the states of an instant at which no transaction of before was under way, in any test's database.

    Whoever goes on from it is told only what came after.
    """
    found: list[QueueStates] = []

    async def nothing_is_told_again() -> bool:
        found.append(await states(database, owner))
        return not (await states(database, owner, since=found[-1].position)).changed

    await until(nothing_is_told_again, what="every transaction of before has ended", seconds=60)
    return found[-1]


async def fold_all(database: Database) -> None:
    """Fold the counters as maintenance does."""
    async with database.unit_of_work(FLEET) as session:
        await fold(session, FLEET, most=1000)


async def test_a_queue_is_told_with_its_items_by_status(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Each queue of the organization is there with its numbers, and none of another one's."""
    await one_in_each_status(database, ours)
    await enqueue_some(database, theirs, 5)
    found = await states(database, ours)

    [state] = found.queues.values()
    assert (state.queue_id, state.name, state.paused_at) == (ours.queue_id, "work", None)
    assert (state.waiting, state.processing, state.completed, state.failed, state.cancelled) == (1, 1, 1, 1, 1)
    assert found.changed == {ours.queue_id}
    assert not found.reaches_back


async def test_an_organization_without_queues_has_a_position(database: Database, ours: Tenant) -> None:
    """Where there is nothing to tell there is still an instant to go on from."""
    await call(database, ours.scope, soft_delete_queue, queue_id=ours.queue_id)
    found = await states(database, ours)

    assert found.position > 0
    assert (dict(found.queues), found.changed) == ({}, frozenset())


async def test_only_what_changed_since_is_told(database: Database, ours: Tenant) -> None:
    """A queue that items entered, that was changed or that is new; one that stayed is not among them."""
    still = await call(database, ours.scope, create_queue, name="still")
    for queue_id in (ours.queue_id, still.id):
        await enqueue_some(database, Tenant(ours.organization_id, queue_id), 2)
    before = await settled(database, ours)

    await enqueue_some(database, ours)
    assert (await states(database, ours, since=before.position)).changed == {ours.queue_id}
    between = await settled(database, ours)
    await call(database, ours.scope, pause_queue, queue_id=still.id)
    made = await call(database, ours.scope, create_queue, name="new")

    assert (await states(database, ours, since=between.position)).changed == {still.id, made.id}
    assert (await states(database, ours, since=before.position)).changed == {ours.queue_id, still.id, made.id}


async def test_nothing_that_commits_late_is_missed(database: Database, ours: Tenant) -> None:
    """What was under way when one looked is told afterwards, however long before it had begun to write."""
    await enqueue_some(database, ours)
    async with opened(database) as other:
        async with other.unit_of_work(ours.scope) as session:
            await pause_queue(session, ours.scope, queue_id=ours.queue_id)
            for _ in range(3):
                await make_tenant(database)  # later transactions, which are over sooner
            before = await states(database, ours)
            async with session.savepoint():
                await create_queue(session, ours.scope, name="inner")
        found = await states(database, ours, since=before.position)

    assert before.queues[ours.queue_id].paused_at is None
    assert len(found.changed) == 2


async def test_folding_hides_no_change(database: Database, ours: Tenant) -> None:
    """A queue whose counters are folded is told, also when they cancel each other out and leave nothing."""
    await enqueue_some(database, ours, 3)
    before = await states(database, ours)
    await call(database, ours.scope, purge_queue, queue_id=ours.queue_id)
    await fold_all(database)
    found = await states(database, ours, since=before.position)

    assert found.changed == {ours.queue_id}
    assert found.queues[ours.queue_id].waiting == 0


@pytest.mark.parametrize("farther", [1, 2**31, 2**40])
async def test_a_position_that_cannot_be_compared_tells_everything(
    database: Database, ours: Tenant, farther: int
) -> None:
    """A position of another database, which lies ahead or too far back, makes every queue one that changed."""
    await enqueue_some(database, ours)
    now = await states(database, ours)
    for since in (now.position + farther + 1000, now.position - 2**31):
        found = await states(database, ours, since=max(since, 0) if since > now.position else since)
        assert not found.reaches_back
        assert found.changed == {ours.queue_id}
