-- fairlead.queries.queue_states.STATES
with now as materialized (
    select cast(cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as bigint) as position
)
select n.position, q.*
from now n
left join lateral (
    select q.id, q.name, q.paused_at, q.resume_at, q.updated_at,
        c.waiting, c.processing, c.completed, c.failed, c.cancelled,
        c.written or mod(cast(cast(q.xmin as text) as bigint) - mod(cast(%(since)s as bigint), 4294967296) + 4294967296, 4294967296)
    < 2147483648
    from queues q
    cross join lateral (
        select coalesce(sum(c.waiting), 0)::bigint as waiting, coalesce(sum(c.processing), 0)::bigint as processing,
            coalesce(sum(c.completed), 0)::bigint as completed, coalesce(sum(c.failed), 0)::bigint as failed,
            coalesce(sum(c.cancelled), 0)::bigint as cancelled, coalesce(bool_or(mod(cast(cast(c.xmin as text) as bigint) - mod(cast(%(since)s as bigint), 4294967296) + 4294967296, 4294967296)
    < 2147483648), true) as written
        from item_counters c
        where c.organization_id = q.organization_id and c.queue_id = q.id
    ) c
    where q.organization_id = %(organization_id)s and q.deleted_at is null
) q on true
