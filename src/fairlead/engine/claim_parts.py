"""The parts that both statements of a claim are made of; their contract is `engine/claim.py`'s."""

from __future__ import annotations

from functools import reduce
from typing import Final

# What is asked for, with the rules of its queue and organization, one probe each; `take` is at most how many items.
SOURCE: Final = """
source as materialized (
    select s.place, q.organization_id, q.id as queue_id, s.take, s.walks,
        coalesce(s.lease_seconds, q.lease_seconds) as lease_seconds,
        q.max_concurrency, o.max_concurrency as most_in_all, q.rate_limit, q.rate_period_seconds,
        num_nonnulls(q.max_concurrency, o.max_concurrency, q.rate_limit) > 0 as limited
    from jsonb_to_recordset(:sources) as s (
        place integer, organization_id text, queue_id text, take integer, lease_seconds integer, walks jsonb)
    cross join lateral (
        select q.* from queues q
        where q.organization_id = s.organization_id and q.id = s.queue_id and q.deleted_at is null
            and (q.paused_at is null or q.resume_at <= statement_timestamp())
        limit 1
    ) q
    cross join lateral (
        select o.* from organizations o where o.id = s.organization_id and o.deleted_at is null limit 1
    ) o
)""".strip()

# Locks up to `take` items of each of `{sources}`, and claims them. The terms of their queues are looked up, not joined:
# of a tenant's items the planner expects one, and would compare each with each. A queue asked twice has one term.
_CLAIMED: Final = """
picked as materialized (
    select i.row
    from {sources} s
    cross join lateral (
        {items}
    ) i
),
terms as materialized (
    select jsonb_object_agg(s.organization_id || '/' || s.queue_id, jsonb_build_array(s.lease_seconds, s.limited))
        as of_queue
    from source s
),
claimed as (
    update queue_items_live i
    set status = 'processing',
        attempts = i.attempts + 1,
        claims = i.claims + 1,
        started_at = statement_timestamp(),
        lease_expires_at = statement_timestamp() + make_interval(secs => cast({of_queue} -> 0 as integer)),
        worker_id = :worker_id,
        counted = {limited}
    where i.ctid = any (array(select p.row from picked p))
    returning i.id, i.organization_id, i.queue_id, i.payload, i.priority, i.attempts, i.max_attempts, i.claims,
        i.lease_expires_at, i.seq, i.task, i.created_at, i.tags, i.trace, i.ordering_key,
        cast({of_queue} -> 0 as integer) as lease_seconds, i.counted,
        i.scheduled_for, i.started_at, i.unique_key, i.error_message, nullif(i.errors, '[]'), i.progress
)""".strip()

_WHOLE: Final = """
select i.ctid as row
        from queue_items_live i
        where i.organization_id = s.organization_id and i.queue_id = s.queue_id
            and i.status = 'waiting' and i.ready
        order by i.priority desc, i.seq
        limit s.take
        for update skip locked""".strip()

_WALKS: Final = """
select i.row
        from jsonb_to_recordset(s.walks) as w (lowest integer, highest integer, above bigint)
        cross join lateral (
            select i.ctid as row
            from queue_items_live i
            where i.organization_id = s.organization_id and i.queue_id = s.queue_id
                and i.status = 'waiting' and i.ready
                and i.priority between w.lowest and w.highest and i.seq > w.above
            order by i.priority desc, i.seq
            limit s.take
            for update skip locked
        ) i
        limit s.take""".strip()


_OF_QUEUE: Final = "(select t.of_queue from terms t) -> (i.organization_id || '/' || i.queue_id)"


def claimed(sources: str, *, limited: str = f"cast({_OF_QUEUE} -> 1 as boolean)", walks: bool) -> str:
    """Return the parts that pick and claim items of `sources`, in their `walks` or from their whole order."""
    items = _WALKS if walks else _WHOLE
    parts = {"{items}": items, "{sources}": sources, "{limited}": limited, "{of_queue}": _OF_QUEUE}
    return reduce(lambda text, part: text.replace(*part), parts.items(), _CLAIMED)


# The claimed, and for each of `{again}` a row that is no item and names its queue.
ANSWER: Final = """
select c.* from claimed c
union all
select null, a.organization_id, a.queue_id,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null
from {again} a
""".strip()
