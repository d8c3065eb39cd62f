"""The tables as they are, read in one snapshot past the product, and held against the model."""

from __future__ import annotations

from collections import Counter
from typing import Any, LiteralString

import psycopg
from tests.model.upkeep import SPREAD_SECONDS
from tests.model.world import LIVE, STATUSES, Item, Key, Period, World

from fairlead.schema.row_security import SYSTEM_ROLE

_READ: LiteralString = """
select
    (select coalesce(jsonb_agg(jsonb_build_array(i.id, i.organization_id, i.queue_id, cast(cast(i.tableoid as regclass)
        as text), i.status, i.payload -> 'number', i.priority, i.attempts, i.max_attempts, i.claims,
        jsonb_array_length(i.errors), i.ready, i.blocked, i.counted, i.ordering_key, i.unique_key, i.unique_while,
        extract(epoch from i.lease_expires_at), extract(epoch from i.cancel_requested_at), i.seq,
        extract(epoch from i.scheduled_for), i.worker_id is null or i.status <> 'waiting')), '[]') from queue_items i),
    (select coalesce(jsonb_agg(c), '[]') from (
        select queue_id, sum(waiting), sum(processing), sum(completed), sum(failed), sum(cancelled)
        from item_counters group by queue_id) c (queue_id, waiting, processing, completed, failed, cancelled)),
    (select coalesce(jsonb_agg(jsonb_build_array(s.organization_id, s.queue_id, s.taken)), '[]')
        from slots s where s.taken <> 0),
    (select coalesce(jsonb_agg(jsonb_build_array(n.queue_id, n.ordering_key)), '[]') from ordering_turns n),
    (select coalesce(jsonb_agg(jsonb_build_array(p.queue_id, p.unique_key, p.item_id,
        extract(epoch from p.expires_at))), '[]') from unique_periods p)
"""

_END = "select pg_terminate_backend(%s, 5000)"


class Observer:
    """A connection that sees every organization's rows; `look` reads them, `insist` compares them with a world."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute(f"set role {SYSTEM_ROLE}")

    def look(self) -> tuple[Any, ...]:
        """Return all that the model has an opinion of."""
        found = self.connection.execute(_READ).fetchone()
        assert found is not None
        return found

    def ids(self) -> set[str]:
        """Return the ids of all items."""
        return {row[0] for row in self.look()[0]}

    def ready(self) -> set[str]:
        """Return the ids of the items that a claim could take, or has taken."""
        return {row[0] for row in self.look()[0] if row[11]}

    def notes(self) -> Counter[Key]:
        """Return the notes about ordering keys."""
        return Counter(Key(*row) for row in self.look()[3])

    def insist(self, world: World) -> None:
        """Fail unless the tables hold exactly what the world says; take new places in the order over from them."""
        items, counters, slots, notes, periods = self.look()
        _insist_on_items(world, {row[0]: row for row in items})
        assert {row["queue_id"]: row for row in counters if _some(row)} == _counters(world)
        assert {(row[0], row[1]): row[2] for row in slots} == _slots(world)
        assert Counter(Key(*row) for row in notes) == world.notes
        assert {Key(*row[:2]): Period(*row[2:]) for row in periods} == world.periods
        _insist_on_keys(world)
        _insist_on_rates(world)

    def end(self, process_id: int) -> None:
        """End another connection, and wait until it is gone."""
        with self.connection.transaction(force_rollback=True):
            self.connection.execute("set local role none")
            assert self.connection.execute(_END, [process_id]).fetchone() == (True,)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _insist_on_items(world: World, rows: dict[str, list[Any]]) -> None:
    assert rows.keys() == world.items.keys(), "each item is there once, and no other"
    for item in world.items.values():
        *row, _, due, unheld = rows[item.id]
        assert row == _row(item)
        assert unheld, "nobody works on an item that waits"
        _insist_on_due(world, item, due)
    _take_places(world, {item_id: row[-3] for item_id, row in rows.items()})


def _row(item: Item) -> list[Any]:
    leaf = "queue_items_live" if item.is_live else "queue_items_finished"
    identity = [item.id, item.organization_id, item.queue_id, leaf, item.status, item.number, item.priority]
    tries = [item.attempts, item.max_attempts, item.claims, item.errors, item.ready, item.blocked, item.counted]
    return [*identity, *tries, item.ordering_key, item.unique_key, item.unique_while, item.lease_end, item.cancel_asked]


def _insist_on_due(world: World, item: Item, due: float | None) -> None:
    """Compare the due time; one that a rescue has just drawn is taken over."""
    if item.status == "waiting" and not item.ready and not item.blocked and item.due is None:
        assert due is not None
        assert world.now <= due < world.now + SPREAD_SECONDS
        item.due = due
    assert due == item.due


def _take_places(world: World, places: dict[str, int]) -> None:
    """Take over the places of items that shall have new ones, which come after all others and in the order of rank."""
    for item in world.items.values():
        assert item.seq in {None, places[item.id]}, "an item keeps its place"
    fresh = sorted((item for item in world.items.values() if item.seq is None), key=lambda item: places[item.id])
    ranks = [item.rank for item in fresh]
    assert ranks == sorted(ranks), "new places are in order"
    for item in fresh:
        assert places[item.id] > world.last_seq, "a new place is after all others"
        item.seq, item.rank = places[item.id], 0
    world.last_seq = max([world.last_seq, *places.values()])


def _some(row: dict[str, Any]) -> bool:
    return any(row[status] for status in STATUSES)


def _counters(world: World) -> dict[str, dict[str, Any]]:
    counted = Counter((item.queue_id, item.status) for item in world.items.values())
    rows = {
        queue_id: {"queue_id": queue_id, **{status: counted[queue_id, status] for status in STATUSES}}
        for queue_id in world.queues
    }
    return {queue_id: row for queue_id, row in rows.items() if _some(row)}


def _slots(world: World) -> dict[tuple[str, str], int]:
    taken = Counter(
        (item.organization_id, key) for item in world.items.values() if item.counted for key in (item.queue_id, "")
    )
    return dict(taken)


def _insist_on_keys(world: World) -> None:
    """Hold what the model came to against what keys promise, so that the two cannot be wrong together."""
    live = [item for item in world.items.values() if item.status in LIVE]
    held = Counter((item.queue_id, item.unique_key) for item in live if item.holds_key)
    assert max(held.values(), default=1) == 1, "a unique key is held once"
    turns = Counter(Key(item.queue_id, item.ordering_key) for item in live if item.ordering_key and not item.blocked)
    assert max(turns.values(), default=1) == 1, "one item of an ordering key has its turn"
    stuck = {Key(item.queue_id, item.ordering_key) for item in live if item.ordering_key and item.blocked}
    assert stuck <= turns.keys() | world.notes.keys(), "somebody is told of every key whose turn it is"


def _insist_on_rates(world: World) -> None:
    """No period, wherever it begins, has more claims than the rate; looked at while the rate stays the same."""
    for queue in world.queues.values():
        if queue.rate_limit is not None:
            recent = [at for at in queue.claimed_at if at > world.now - queue.rate_period_seconds]
            assert len(recent) <= queue.rate_limit, "a rate is kept"
