"""Claim within limits: the statement for queues that have limits, or may have.

waiting and ready → processing, as `engine/claim.py` says.  Locks: the slots of the limited queues and organizations
asked for, in the order of their keys; then the picked items only, skipping what is locked.
Index: slots' key; queue_items_queue_idx.

A queue with a limit of its own or of its organization's gives what is left of it, and takes as many slots. The rate
counts in slices of a nineteenth of its period, of which the last twenty may hold no more than the rate together: so
nowhere in time does a whole period hold more. Where one of the queues is claimed from for the first time, its slots are
opened, and none of the limited gives anything yet: their names come back instead, all to be asked for again, so that
what they share is shared as ever and each gives no more than was asked for.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.statement import Statement
from fairlead.engine.accounts import counters_of
from fairlead.engine.claim_parts import ANSWER, SOURCE, claimed

SLICES: Final = "19"  # of a rate's period; one more is kept
_OPENING: Final = "(select count(*) from wanted) > (select count(*) from slot)"
_AGAIN: Final = "(select organization_id, queue_id from wanted w where w.queue_id <> '' and {opening})"

_CLAIM: Final = """
with {source},
wanted as materialized (
    select organization_id, queue_id from source where limited
    union
    select organization_id, '' from source where limited
),
opened as (
    insert into slots (organization_id, queue_id)
    select w.organization_id, w.queue_id
    from wanted w
    where (select count(*) from slots s where s.organization_id = w.organization_id and s.queue_id = w.queue_id) = 0
    order by w.organization_id, w.queue_id
    on conflict do nothing
),
slot as materialized (
    select s.*
    from (select * from wanted order by organization_id, queue_id) w
    cross join lateral (
        select s.organization_id, s.queue_id, s.taken, s.rate_slice, s.rate_started
        from slots s
        where s.organization_id = w.organization_id and s.queue_id = w.queue_id
        for update
    ) s
),
rate as materialized (
    select s.organization_id, s.queue_id, n.slice,
        (s.rate_started || array_fill(0, array[n.moved]))[
            cardinality(s.rate_started) + n.moved - {kept} : cardinality(s.rate_started) + n.moved] as started
    from slot s
    join (
        select distinct organization_id, queue_id, rate_period_seconds from source where rate_limit is not null
    ) c on c.organization_id = s.organization_id and c.queue_id = s.queue_id
    cross join lateral (
        select floor(extract(epoch from statement_timestamp()) * {slices} / c.rate_period_seconds)::bigint as slice
    ) t
    cross join lateral (
        select t.slice, {slices} + 1 as moved where abs(t.slice - s.rate_slice) > {slices}
        union all
        select greatest(t.slice, s.rate_slice), greatest(t.slice - s.rate_slice, 0)::integer
        where abs(t.slice - s.rate_slice) <= {slices}
    ) n
),
room as materialized (
    select s.place, s.organization_id, s.queue_id, s.walks, s.lease_seconds, s.limited,
        least(s.own,
            s.left_in_queue + s.own - sum(s.own) over (partition by s.organization_id, s.queue_id order by s.place),
            s.left_in_all + s.own - sum(s.own) over (partition by s.organization_id order by s.place)) as take
    from (
        select l.*, case when l.limited and {opening} then 0 else greatest(0, least(l.take, l.left_in_queue)) end as own
        from (
            select s.*, s.most_in_all - a.taken as left_in_all,
                least(s.max_concurrency - q.taken,
                    s.rate_limit - (select coalesce(sum(n), 0) from unnest(r.started) n)) as left_in_queue
            from source s
            left join slot q on q.organization_id = s.organization_id and q.queue_id = s.queue_id
            left join slot a on a.organization_id = s.organization_id and a.queue_id = ''
            left join rate r on r.organization_id = s.organization_id and r.queue_id = s.queue_id
        ) l
    ) s
),
{claimed},
{counters},
used as materialized (
    select c.organization_id, k.queue_id, count(*)::integer as slots
    from claimed c
    cross join lateral (values (c.queue_id), ('')) k (queue_id)
    where c.counted
    group by c.organization_id, k.queue_id
),
taken as (
    update slots s
    set taken = s.taken + u.slots,
        rate_slice = coalesce(r.slice, s.rate_slice),
        rate_started = coalesce(
            r.started[1 : cardinality(r.started) - 1] || (r.started[cardinality(r.started)] + u.slots), s.rate_started)
    from used u
    left join rate r on r.organization_id = u.organization_id and r.queue_id = u.queue_id
    where s.organization_id = u.organization_id and s.queue_id = u.queue_id
)
{answer}
"""


def _statement(*, walks: bool) -> Statement:
    return Statement(
        _CLAIM,
        slices=SLICES,
        kept=SLICES,
        source=SOURCE,
        claimed=claimed("(select * from room where take > 0 order by place)", walks=walks),
        counters=counters_of("claimed", waiting="-count(*)", processing="count(*)"),
        answer=ANSWER.replace("{again}", _AGAIN),
        opening=_OPENING,
    )


CLAIM_LIMITED: Final = _statement(walks=False)
CLAIM_LIMITED_WALKS: Final = _statement(walks=True)
