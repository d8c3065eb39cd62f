"""Enqueue outside: items are enqueued by a transaction that is not ours, together with what else that one does.

- → waiting, as `engine/enqueue_limited.py` says, by statements that are handed out (`engine/outside.py`), because only
it takes items that are limited or unique as well, and nobody here can ask first which statement will do.
Locks: as there, held until the caller's transaction ends.

An item that may not enter raises an SQLSTATE of ours, so that the transaction as a whole cannot be committed: FL404
when there is no such queue, FL429 when a depth would be exceeded, FL409 when somebody holds a key that is insisted on,
or when an item has been enqueued before and is finished (23505, a unique violation, while it is not).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import orjson

from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.engine.enqueue import NewItem, parameters
from fairlead.engine.enqueue_limited import ENQUEUE_UNIQUE, HOW_MUCH_ROOM, TAKE_TURN
from fairlead.engine.outside import HandedOut, handed_out

# Items that entered are counted by now: less than no room is what they took too much.
JUDGE: Final = Statement(
    """
with entered as materialized (
    select i.id
    from jsonb_array_elements_text(:ids) n (id)
    cross join lateral (
        select i.id from queue_items_live i where i.organization_id = :organization_id and i.id = n.id limit 1
    ) i
)
select set_config('fairlead.enqueued', case
    when not exists (
        select from queues q
        where q.organization_id = :organization_id and q.id = :queue_id and q.deleted_at is null
    ) then 'nowhere'
    when exists (
        select from jsonb_array_elements_text(:ids) n (id)
        cross join lateral (
            select from queue_items i
            where i.organization_id = :organization_id and i.id = n.id and i.finished_at < 'infinity'
            order by i.finished_at
            limit 1
        ) i
    ) then 'again'
    when exists (select from entered) and ({room}) < 0 then 'too many'
    when exists (
        select from jsonb_array_elements_text(:insisted) n (id) where n.id not in (select e.id from entered e)
    ) then 'not unique'
    else 'entered' end, true)
""",
    room=HOW_MUCH_ROOM,
)

INSIST: Final = Statement("""
do $$ begin
    case current_setting('fairlead.enqueued', true)
        when 'entered' then null;
        when 'nowhere' then raise exception 'This organization has no such queue.' using errcode = 'FL404';
        when 'again' then raise exception 'These items have been enqueued before.' using errcode = 'FL409';
        when 'too many' then raise exception 'The queue has no room for these items.' using errcode = 'FL429';
        else raise exception 'An item with this unique key is there already.' using errcode = 'FL409';
    end case;
end $$
""")


def enqueue_outside(
    scope: TenantScope, *, queue_id: str, items: Sequence[NewItem], insisted: Collection[str]
) -> list[HandedOut]:
    """Return the statements with their parameters, to be run in order.

    No unique key may come twice. An item whose key somebody holds is not enqueued; one whose id is `insisted` on ends
    the transaction then.
    """
    named = {"organization_id": scope.organization_id, "queue_id": queue_id}
    judged = {"ids": _listed(item.id for item in items), "insisted": _listed(insisted), **named}
    entering = (ENQUEUE_UNIQUE, parameters(scope, queue_id, items))
    return handed_out(scope, [(TAKE_TURN, named), entering, (JUDGE, judged), (INSIST, None)])


def _listed(ids: Iterable[str]) -> str:
    return orjson.dumps(list(ids)).decode()
