"""Accounts: what is kept beside the items, as parts of the statements that move them.

Counters: one row a queue and statement, the difference it made (`schema/item_counters.py`); nobody waits for anybody.
Slots: what the limits of concurrency go by (`schema/slots.py`). Only a limited queue's items are `counted`; a statement
that ends their leases locks the rows it gives slots back to in the order of their keys, after the items.
Turns: a note that an ordering key's next item may come forward (`schema/ordering_turns.py`).

Each is a part of a `with` list; `{name}` is what the statement calls the relation the part is about.
"""

from __future__ import annotations

from typing import Final

# Gives back the slots of the `{left}`: organization_id, queue_id, counted. The key '' is the whole organization.
_SLOTS: Final = """
freed as materialized (
    select l.organization_id, k.queue_id, count(*) as slots
    from {left} l
    cross join lateral (values (l.queue_id), ('')) k (queue_id)
    where l.counted
    group by l.organization_id, k.queue_id
),
slot as materialized (
    select f.*
    from (select * from freed order by organization_id, queue_id) f
    cross join lateral (
        select from slots s where s.organization_id = f.organization_id and s.queue_id = f.queue_id for update
    ) s
),
given_back as (
    update slots s
    set taken = s.taken - g.slots
    from slot g
    where s.organization_id = g.organization_id and s.queue_id = g.queue_id
)""".strip()

_COUNTERS: Final = """
counted as (
    insert into item_counters (organization_id, queue_id, {columns})
    select m.organization_id, m.queue_id, {changes}
    from {moved} m
    group by m.organization_id, m.queue_id
)""".strip()

# Notes the ordering keys of the `{left}`: organization_id, queue_id, ordering_key.
_TURNS: Final = """
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct l.organization_id, l.queue_id, l.ordering_key
    from {left} l
    where l.ordering_key is not null
)""".strip()


def slots_of(left: str) -> str:
    """Return the part that gives back the slots of the relation `left`."""
    return _SLOTS.replace("{left}", left)


def turns_of(left: str) -> str:
    """Return the part that notes the ordering keys of the relation `left`."""
    return _TURNS.replace("{left}", left)


def counters_of(moved: str, **changes: str) -> str:
    """Return the part that counts the relation `moved`; `changes` say by status how to add up a queue's rows `m`."""
    return (
        _COUNTERS.replace("{moved}", moved)
        .replace("{columns}", ", ".join(changes))
        .replace("{changes}", ", ".join(changes.values()))
    )
