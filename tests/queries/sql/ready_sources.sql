-- fairlead.queries.ready_sources.READY_SOURCES
with recursive organization (id) as (
    (select i.organization_id from queue_items_live i
     where i.status = 'waiting' and i.ready and i.organization_id > %(after)s
     order by i.organization_id limit 1)
    union all
    select n.organization_id
    from organization o
    cross join lateral (
        select i.organization_id from queue_items_live i
        where i.status = 'waiting' and i.ready and i.organization_id > o.id
        order by i.organization_id limit 1
    ) n
),
turn as materialized (
    select o.id, o.weight, o.max_concurrency, o.deleted_at is null as alive
    from (select id from organization limit %(organizations)s) n
    join organizations o on o.id = n.id
)
select o.id, s.*
from turn o
left join lateral (
    with recursive ready (queue_id, stop) as (
        (select n.queue_id, h.stop
         from (values (cast(%(pivot)s as text), null), ('', cast(%(pivot)s as text))) h (start, stop)
         cross join lateral (
            select i.queue_id from queue_items_live i
            where i.status = 'waiting' and i.ready and i.organization_id = o.id and i.queue_id > h.start
            order by i.queue_id limit 1
         ) n
         where h.stop is null or n.queue_id <= h.stop)
        union all
        select n.queue_id, r.stop
        from ready r
        cross join lateral (
            select i.queue_id from queue_items_live i
            where i.status = 'waiting' and i.ready and i.organization_id = o.id and i.queue_id > r.queue_id
            order by i.queue_id limit 1
        ) n
        where r.stop is null or n.queue_id <= r.stop
    )
    select q.id as queue_id, q.name, q.lease_seconds, o.weight,
        num_nonnulls(q.max_concurrency, o.max_concurrency, q.rate_limit) > 0,
        case when q.rate_limit is not null then q.rate_period_seconds end,
        q.backoff_policy, q.backoff_base_seconds, q.backoff_factor, q.backoff_cap_seconds, q.backoff_jitter,
        q.backoff_delays
    from ready r
    join queues q on q.organization_id = o.id and q.id = r.queue_id
    where o.alive and q.name = any (%(names)s) and q.deleted_at is null
        and (q.paused_at is null or q.resume_at <= statement_timestamp())
    limit %(queues)s
) s on true
order by o.id, s.queue_id

-- fairlead.queries.ready_sources.SOURCES
select o.id, q.id, q.name, q.lease_seconds, o.weight,
        num_nonnulls(q.max_concurrency, o.max_concurrency, q.rate_limit) > 0,
        case when q.rate_limit is not null then q.rate_period_seconds end,
        q.backoff_policy, q.backoff_base_seconds, q.backoff_factor, q.backoff_cap_seconds, q.backoff_jitter,
        q.backoff_delays
from queues q
join organizations o on o.id = q.organization_id and o.deleted_at is null
where q.id = any (%(queue_ids)s) and q.name = any (%(names)s) and q.deleted_at is null
order by o.id, q.id
