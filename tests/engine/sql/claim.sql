-- fairlead.engine.claim.CLAIM
with source as materialized (
    select s.place, q.organization_id, q.id as queue_id, s.take, s.walks,
        coalesce(s.lease_seconds, q.lease_seconds) as lease_seconds,
        q.max_concurrency, o.max_concurrency as most_in_all, q.rate_limit, q.rate_period_seconds,
        num_nonnulls(q.max_concurrency, o.max_concurrency, q.rate_limit) > 0 as limited
    from jsonb_to_recordset(%(sources)s) as s (
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
),
picked as materialized (
    select i.row
    from (select * from source where not limited order by place) s
    cross join lateral (
        select i.ctid as row
        from queue_items_live i
        where i.organization_id = s.organization_id and i.queue_id = s.queue_id
            and i.status = 'waiting' and i.ready
        order by i.priority desc, i.seq
        limit s.take
        for update skip locked
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
        lease_expires_at = statement_timestamp() + make_interval(secs => cast((select t.of_queue from terms t) -> (i.organization_id || '/' || i.queue_id) -> 0 as integer)),
        worker_id = %(worker_id)s,
        counted = false
    where i.ctid = any (array(select p.row from picked p))
    returning i.id, i.organization_id, i.queue_id, i.payload, i.priority, i.attempts, i.max_attempts, i.claims,
        i.lease_expires_at, i.seq, i.task, i.created_at, i.tags, i.trace, i.ordering_key,
        cast((select t.of_queue from terms t) -> (i.organization_id || '/' || i.queue_id) -> 0 as integer) as lease_seconds, i.counted,
        i.scheduled_for, i.started_at, i.unique_key, i.error_message, nullif(i.errors, '[]'), i.progress
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, processing)
    select m.organization_id, m.queue_id, -count(*), count(*)
    from claimed m
    group by m.organization_id, m.queue_id
)
select c.* from claimed c
union all
select null, a.organization_id, a.queue_id,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null
from (select * from source where limited) a

-- fairlead.engine.claim.CLAIM_WALKS
with source as materialized (
    select s.place, q.organization_id, q.id as queue_id, s.take, s.walks,
        coalesce(s.lease_seconds, q.lease_seconds) as lease_seconds,
        q.max_concurrency, o.max_concurrency as most_in_all, q.rate_limit, q.rate_period_seconds,
        num_nonnulls(q.max_concurrency, o.max_concurrency, q.rate_limit) > 0 as limited
    from jsonb_to_recordset(%(sources)s) as s (
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
),
picked as materialized (
    select i.row
    from (select * from source where not limited order by place) s
    cross join lateral (
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
        limit s.take
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
        lease_expires_at = statement_timestamp() + make_interval(secs => cast((select t.of_queue from terms t) -> (i.organization_id || '/' || i.queue_id) -> 0 as integer)),
        worker_id = %(worker_id)s,
        counted = false
    where i.ctid = any (array(select p.row from picked p))
    returning i.id, i.organization_id, i.queue_id, i.payload, i.priority, i.attempts, i.max_attempts, i.claims,
        i.lease_expires_at, i.seq, i.task, i.created_at, i.tags, i.trace, i.ordering_key,
        cast((select t.of_queue from terms t) -> (i.organization_id || '/' || i.queue_id) -> 0 as integer) as lease_seconds, i.counted,
        i.scheduled_for, i.started_at, i.unique_key, i.error_message, nullif(i.errors, '[]'), i.progress
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, processing)
    select m.organization_id, m.queue_id, -count(*), count(*)
    from claimed m
    group by m.organization_id, m.queue_id
)
select c.* from claimed c
union all
select null, a.organization_id, a.queue_id,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null
from (select * from source where limited) a
