from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import (
    FLEET,
    bring_due,
    claim_one,
    claim_some,
    claimed,
    enqueue_some,
    item_in,
    row_of,
    sources_of,
)
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.fail import Failure, fail
from fairlead.engine.update import Updated, update

pytestmark = pytest.mark.anyio

PAST, FUTURE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)
LATER = {"scheduled_for": FUTURE}
EVERYTHING: dict[str, Any] = {
    "payload": {"new": [1, "é"]},
    "priority": -5,
    "max_attempts": 9,
    "scheduled_for": FUTURE,
    "task": "mail",
    "tags": ["b", "a"],
}


async def _update(database: Database, owner: Tenant, item_id: str, **changes: Any) -> Updated | None:
    async with database.unit_of_work(owner.scope) as session:
        return await update(session, owner.scope, item_id=item_id, changes=changes)  # type: ignore[arg-type]  # of a test


async def _changed(database: Database, owner: Tenant, item_id: str, **changes: Any) -> dict[str, tuple[Any, Any]]:
    """Update and return which columns are other ones now: before and after."""
    before = await row_of(database, owner, item_id)
    assert await _update(database, owner, item_id, **changes) is not None
    after = await row_of(database, owner, item_id)
    return {name: (before[name], after[name]) for name in after if before[name] != after[name]}


@pytest.mark.parametrize("status", ItemStatus)
async def test_only_waiting_items_are_updated(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status updating does what the life cycle says; elsewhere it changes nothing and says so."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    updated = await _update(database, ours, lease.id, priority=7)

    after = await row_of(database, ours, lease.id)
    if status in sources_of("update"):
        assert (updated is not None, after) == (True, {**before, "priority": 7})
    else:
        assert (updated, after) == (None, before)


@pytest.mark.parametrize("field", sorted(EVERYTHING.keys() - {"scheduled_for"}))
async def test_a_field_is_changed_alone(database: Database, ours: Tenant, field: str) -> None:
    """A field that is given is changed, and every other column stays, its place in the order too."""
    (item_id,) = await enqueue_some(database, ours, task="old", tags=("old",))
    changed = await _changed(database, ours, item_id, **{field: EVERYTHING[field]})
    assert {name: new for name, (_, new) in changed.items()} == {field: EVERYTHING[field]}


async def test_everything_is_changed_at_once(database: Database, ours: Tenant) -> None:
    """All fields together are changed together, and the answer tells what was and what is, but for the payload."""
    (item_id,) = await enqueue_some(database, ours)
    updated = await _update(database, ours, item_id, **EVERYTHING)

    row = await row_of(database, ours, item_id)
    assert {name: row[name] for name in EVERYTHING} == {**EVERYTHING, "scheduled_for": FUTURE.isoformat()}
    assert updated is not None
    shown = EVERYTHING.keys() - {"payload"}
    assert {name: getattr(updated.after, name) for name in shown} == {name: EVERYTHING[name] for name in shown}
    assert (updated.before.priority, updated.before.max_attempts, updated.before.tags) == (0, 3, [])
    assert (updated.before.scheduled_for, updated.before.task) == (None, None)
    assert (updated.before.payload_changed, updated.after.payload_changed) == (False, True)
    assert {(told.id, told.organization_id) for told in updated} == {(item_id, ours.organization_id)}


async def test_nothing_given_changes_nothing(database: Database, ours: Tenant) -> None:
    """Without a field, or with what is there already, the row stays as it is and the answer shows no difference."""
    (item_id,) = await enqueue_some(database, ours, task="t")
    for changes in ({}, {"payload": {"number": 0}, "priority": 0, "task": "t", "tags": [], "scheduled_for": None}):
        before = await row_of(database, ours, item_id)
        updated = await _update(database, ours, item_id, **changes)
        assert updated is not None
        assert updated.before == updated.after
        assert await row_of(database, ours, item_id) == before


async def test_a_task_can_be_taken_away(database: Database, ours: Tenant) -> None:
    """A task of None is the queue's own again."""
    (item_id,) = await enqueue_some(database, ours, task="t")
    assert await _changed(database, ours, item_id, task=None) == {"task": ("t", None)}


@pytest.mark.parametrize("due", [None, PAST], ids=["at-once", "past"])
async def test_what_becomes_due_waits_behind_what_is_there(
    database: Database, ours: Tenant, due: datetime | None
) -> None:
    """An item for later that is wanted now is ready, behind those that wait already, as if it had been promoted."""
    (late,) = await enqueue_some(database, ours, scheduled_for=FUTURE)
    others = await enqueue_some(database, ours, 2)

    changed = await _changed(database, ours, late, scheduled_for=due)

    assert changed.keys() == {"scheduled_for", "ready", "seq"}
    assert changed["ready"] == (False, True)
    assert [item.id for item in await claim_some(database, ours)] == [*others, late]


async def test_what_is_put_off_is_not_claimed_until_it_is_due(database: Database, ours: Tenant) -> None:
    """A ready item that is for later now is handed out only when its time has come."""
    (item_id,) = await enqueue_some(database, ours)

    assert (await _changed(database, ours, item_id, scheduled_for=FUTURE)).keys() == {"scheduled_for", "ready"}

    assert await claim_some(database, ours) == []
    await bring_due(database)
    assert (await claim_one(database, ours)).id == item_id


@pytest.mark.parametrize(("first", "then"), [(PAST, None), (None, PAST), (FUTURE, FUTURE.replace(year=2600))])
async def test_another_time_alone_moves_nobody(
    database: Database, ours: Tenant, first: datetime | None, then: datetime | None
) -> None:
    """An item that stays ready, or stays for later, keeps its place in the order."""
    (item_id,) = await enqueue_some(database, ours, scheduled_for=first)
    assert (await _changed(database, ours, item_id, scheduled_for=then)).keys() == {"scheduled_for"}


async def test_another_field_does_not_make_ready(database: Database, ours: Tenant) -> None:
    """An item for later stays for later when something else of it is changed."""
    (item_id,) = await enqueue_some(database, ours, scheduled_for=FUTURE)
    assert (await _changed(database, ours, item_id, priority=3)).keys() == {"priority"}
    assert await claim_some(database, ours) == []


async def test_a_back_off_can_be_cut_short(database: Database, ours: Tenant) -> None:
    """An item that waits for its next attempt after a failure can be had at once; what is known of it stays."""
    (lease,) = await claimed(database, ours)
    async with database.unit_of_work(FLEET) as session:
        await fail(session, FLEET, failures=[Failure(lease, "no", delay_seconds=3600)])

    await _changed(database, ours, lease.id, scheduled_for=None)

    item = await claim_one(database, ours)
    assert (item.attempts, (await row_of(database, ours, lease.id))["error_message"]) == (2, "no")


async def test_an_attempt_is_always_left(database: Database, ours: Tenant) -> None:
    """As many attempts as were made already are refused, whatever else is given; one more is taken and can be claimed.

    An item without an attempt left would fail its claim, and with it the claim of everything else.
    """
    (lease,) = await claimed(database, ours)
    async with database.unit_of_work(FLEET) as session:
        await fail(session, FLEET, failures=[Failure(lease, "no")])
    before = await row_of(database, ours, lease.id)

    assert await _update(database, ours, lease.id, max_attempts=1, priority=9) is None
    assert await row_of(database, ours, lease.id) == before

    assert await _changed(database, ours, lease.id, max_attempts=2) == {"max_attempts": (3, 2)}
    assert (await claim_one(database, ours)).attempts == 2


async def test_priority_moves_an_item(database: Database, ours: Tenant) -> None:
    """A higher priority brings an item before those that came earlier."""
    ids = await enqueue_some(database, ours, 3)
    await _changed(database, ours, ids[2], priority=1)
    assert [item.id for item in await claim_some(database, ours)] == [ids[2], ids[0], ids[1]]


async def test_what_is_not_here_is_not_updated(database: Database, ours: Tenant) -> None:
    """An item that does not exist, or whose queue is deleted, is not updated."""
    (item_id,) = await enqueue_some(database, ours)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queues set deleted_at = now()"))
    before = await row_of(database, ours, item_id)

    assert await _update(database, ours, item_id, priority=1) is None
    assert await _update(database, ours, new_id(), priority=1) is None
    assert await row_of(database, ours, item_id) == before
