from __future__ import annotations

import time

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, claim_some, claimed, enqueue_some, expire
from tests.fixtures.organizations import Tenant

from fairlead.db.duty import take_duty
from fairlead.db.session import Database
from fairlead.maintenance import lookout as module
from fairlead.maintenance.lookout import GAP_SECONDS, IDLE_SECONDS, LONGEST_GAP_SECONDS, LOOK_SECONDS, Lookout
from fairlead.queries.due_work import FROM_THE_START
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop

pytestmark = pytest.mark.anyio

LOOPS = ("promoter", "rescuer", "advancer")
DUTIES = ("fold", "reconcile", "prune")


async def _asleep() -> float:
    return ASLEEP_SECONDS


class Woken:
    """A lookout at loops that are never started, and which of them it has woken since the last look."""

    def __init__(self, database: Database) -> None:
        self.loops = {name: Loop(name, _asleep) for name in (*LOOPS, *DUTIES)}
        self.lookout = Lookout(database)
        self.lookout.serve(
            loops={name: self.loops[name] for name in LOOPS}, duties={name: self.loops[name] for name in DUTIES}
        )

    async def look(self) -> float:
        """Look at once; return the wait that follows."""
        for loop in self.loops.values():
            loop._news.clear()
        self.lookout._not_before = 0.0
        return await self.lookout._turn()

    @property
    def names(self) -> set[str]:
        """Who was woken."""
        return {name for name, loop in self.loops.items() if loop._news.is_set()}


@pytest.fixture
async def woken(database: Database) -> Woken:
    """A lookout whose duties are all taken."""
    for name in DUTIES:
        assert await take_duty(database.alone(FLEET), FLEET, name=name, seconds=3600)
    return Woken(database)


async def _change(database: Database, change: str) -> None:
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text(change))


async def test_an_idle_fleet_is_left_asleep(woken: Woken) -> None:
    """Where nothing is to be done nobody is woken, and the next look is the longest wait away."""
    assert 0.9 * IDLE_SECONDS <= await woken.look() <= IDLE_SECONDS
    assert woken.names == set()


async def test_what_waits_ready_or_is_held_wakes_nobody(woken: Woken, database: Database, ours: Tenant) -> None:
    """Items that are ready, worked on or for much later are no business of maintenance."""
    await claimed(database, ours)
    await enqueue_some(database, ours)
    await enqueue_some(database, ours, delay_seconds=3600.0)
    await woken.look()
    assert woken.names - {"fold"} == set()


async def test_a_due_item_wakes_the_promoter(woken: Woken, database: Database, ours: Tenant) -> None:
    """The promoter, and nobody else, is woken for an item whose time has come."""
    await enqueue_some(database, ours, delay_seconds=3600.0)
    await _change(database, "update queue_items_live set scheduled_for = statement_timestamp()")
    await woken.look()
    assert woken.names - {"fold"} == {"promoter"}


async def test_the_next_look_is_when_an_item_is_due(woken: Woken, database: Database, ours: Tenant) -> None:
    """An item that is due before the next look would be is looked for at its time."""
    await enqueue_some(database, ours, delay_seconds=0.8)
    assert await woken.look() <= 0.8
    assert "promoter" not in woken.names


async def test_an_expired_lease_wakes_the_rescuer(woken: Woken, database: Database, ours: Tenant) -> None:
    """The rescuer is woken for a lease that is over, not for one that is current."""
    lost, _held = await claimed(database, ours, 2)
    await woken.look()
    assert "rescuer" not in woken.names
    await expire(database, lost)
    await woken.look()
    assert woken.names - {"fold"} == {"rescuer"}


async def test_a_note_wakes_the_advancer(woken: Woken, database: Database, ours: Tenant) -> None:
    """The advancer is woken for a note, and looks come as often as ordering keys ask for from then on."""
    await enqueue_some(database, ours, ordering_key="a")
    assert await woken.look() <= LOOK_SECONDS
    assert woken.names - {"fold"} == {"advancer"}


async def test_changed_counters_are_folded_once(woken: Woken, database: Database, ours: Tenant) -> None:
    """A duty that is due is woken, the folding only when counters have changed since it was woken last."""
    await enqueue_some(database, ours)
    await _change(database, "delete from duties")
    await woken.look()
    assert woken.names == set(DUTIES)
    await woken.look()
    assert woken.names == set(DUTIES) - {"fold"}
    await enqueue_some(database, ours)
    await woken.look()
    assert woken.names == set(DUTIES)


async def test_a_wake_up_counts_where_ordering_keys_are_in_use(woken: Woken, database: Database, ours: Tenant) -> None:
    """A wake-up brings the next look forward after a note was seen, and leaves it where it is otherwise."""
    loop = woken.lookout.loop
    await woken.look()
    woken.lookout.hear(ours.queue_id)
    assert not loop._news.is_set()

    await enqueue_some(database, ours, ordering_key="a")
    await woken.look()
    woken.lookout.hear(ours.queue_id)
    assert loop._news.is_set()
    assert woken.lookout._not_before - time.monotonic() < GAP_SECONDS


async def test_a_look_too_soon_is_put_off(woken: Woken) -> None:
    """Woken too soon after a look, the lookout waits for the rest of the gap and asks nothing."""
    await woken.look()
    marks = woken.lookout.marks
    assert await woken.lookout._turn() > 0
    assert woken.lookout.marks is marks


async def test_dear_looks_start_at_marks(
    woken: Woken, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a whole look is too dear to be taken again, a look finds what is due after its marks, and only that."""
    monkeypatch.setattr(module, "WHOLE_SHARE", 1e-9)
    await woken.look()
    assert woken.lookout.marks != FROM_THE_START
    await enqueue_some(database, ours, delay_seconds=3600.0)
    late = "update queue_items_live set scheduled_for = statement_timestamp() - interval '1 hour'"
    await _change(database, late)
    await woken.look()
    assert "promoter" not in woken.names

    await _change(database, "update queue_items_live set scheduled_for = statement_timestamp()")
    await woken.look()
    assert "promoter" in woken.names
    woken.lookout._whole_from = 0.0
    await _change(database, late)
    await woken.look()
    assert "promoter" in woken.names
    assert await claim_some(database, ours) == []


async def test_a_look_that_had_to_wait_delays_the_next_by_seconds(
    woken: Woken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a look took, which may have been somebody's lock, the next one comes within seconds."""
    monkeypatch.setattr(module, "SHARE", 1e-9)
    assert await woken.look() == LONGEST_GAP_SECONDS
