-- fairlead.engine.claim_limited.CLAIM_LIMITED
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
            cardinality(s.rate_started) + n.moved - 19 : cardinality(s.rate_started) + n.moved] as started
    from slot s
    join (
        select distinct organization_id, queue_id, rate_period_seconds from source where rate_limit is not null
    ) c on c.organization_id = s.organization_id and c.queue_id = s.queue_id
    cross join lateral (
        select floor(extract(epoch from statement_timestamp()) * 19 / c.rate_period_seconds)::bigint as slice
    ) t
    cross join lateral (
        select t.slice, 19 + 1 as moved where abs(t.slice - s.rate_slice) > 19
        union all
        select greatest(t.slice, s.rate_slice), greatest(t.slice - s.rate_slice, 0)::integer
        where abs(t.slice - s.rate_slice) <= 19
    ) n
),
room as materialized (
    select s.place, s.organization_id, s.queue_id, s.walks, s.lease_seconds, s.limited,
        least(s.own,
            s.left_in_queue + s.own - sum(s.own) over (partition by s.organization_id, s.queue_id order by s.place),
            s.left_in_all + s.own - sum(s.own) over (partition by s.organization_id order by s.place)) as take
    from (
        select l.*, case when l.limited and (select count(*) from wanted) > (select count(*) from slot) then 0 else greatest(0, least(l.take, l.left_in_queue)) end as own
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
picked as materialized (
    select i.row
    from (select * from room where take > 0 order by place) s
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
        counted = cast((select t.of_queue from terms t) -> (i.organization_id || '/' || i.queue_id) -> 1 as boolean)
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
),
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
select c.* from claimed c
union all
select null, a.organization_id, a.queue_id,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null
from (select organization_id, queue_id from wanted w where w.queue_id <> '' and (select count(*) from wanted) > (select count(*) from slot)) a

-- fairlead.engine.claim_limited.CLAIM_LIMITED_WALKS
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
            cardinality(s.rate_started) + n.moved - 19 : cardinality(s.rate_started) + n.moved] as started
    from slot s
    join (
        select distinct organization_id, queue_id, rate_period_seconds from source where rate_limit is not null
    ) c on c.organization_id = s.organization_id and c.queue_id = s.queue_id
    cross join lateral (
        select floor(extract(epoch from statement_timestamp()) * 19 / c.rate_period_seconds)::bigint as slice
    ) t
    cross join lateral (
        select t.slice, 19 + 1 as moved where abs(t.slice - s.rate_slice) > 19
        union all
        select greatest(t.slice, s.rate_slice), greatest(t.slice - s.rate_slice, 0)::integer
        where abs(t.slice - s.rate_slice) <= 19
    ) n
),
room as materialized (
    select s.place, s.organization_id, s.queue_id, s.walks, s.lease_seconds, s.limited,
        least(s.own,
            s.left_in_queue + s.own - sum(s.own) over (partition by s.organization_id, s.queue_id order by s.place),
            s.left_in_all + s.own - sum(s.own) over (partition by s.organization_id order by s.place)) as take
    from (
        select l.*, case when l.limited and (select count(*) from wanted) > (select count(*) from slot) then 0 else greatest(0, least(l.take, l.left_in_queue)) end as own
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
picked as materialized (
    select i.row
    from (select * from room where take > 0 order by place) s
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
        counted = cast((select t.of_queue from terms t) -> (i.organization_id || '/' || i.queue_id) -> 1 as boolean)
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
),
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
select c.* from claimed c
union all
select null, a.organization_id, a.queue_id,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null
from (select organization_id, queue_id from wanted w where w.queue_id <> '' and (select count(*) from wanted) > (select count(*) from slot)) a
