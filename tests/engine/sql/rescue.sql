-- fairlead.engine.rescue.RESCUE
with late as materialized (
    select i.ctid as row, i.organization_id, i.queue_id
    from queue_items_live i
    where i.status = 'processing' and i.lease_expires_at <= statement_timestamp()
        and i.lease_expires_at >= coalesce(cast(%(since)s as timestamptz), '-infinity')
    order by i.lease_expires_at
    limit %(most)s
),
queue as materialized (
    select q.*
    from (select distinct l.organization_id, l.queue_id from late l order by 1, 2) l
    cross join lateral (
        select q.organization_id, q.id from queues q
        where q.organization_id = l.organization_id and q.id = l.queue_id
        for key share skip locked
    ) q
),
expired as materialized (
    select i.*
    from late l
    join queue q on q.organization_id = l.organization_id and q.id = l.queue_id
    cross join lateral (
        select i.ctid as row, i.organization_id, i.queue_id, i.id, i.counted,
            i.cancel_requested_at is null and i.attempts < i.max_attempts as waits_again,
            i.status = 'processing' and i.lease_expires_at <= statement_timestamp() as current
        from queue_items_live i
        where i.ctid = l.row
        for update skip locked
    ) i
    where i.current
),
again as (
    update queue_items_live i
    set status = 'waiting',
        ready = i.attempts < 2,
        scheduled_for = case when i.attempts >= 2 then statement_timestamp() + make_interval(secs => 10 * (hashtext(i.id || i.claims) & 1023) / 1024.0) end,
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null, counted = false,
        error_message = 'the lease ran out: worker ' || coalesce(i.worker_id, '?') || ' did not report in time',
        errors = (
            case when jsonb_array_length(i.errors) >= 10 then i.errors - 0 else i.errors end
            || jsonb_build_object('attempt', i.attempts, 'at', statement_timestamp(), 'error', 'the lease ran out: worker ' || coalesce(i.worker_id, '?') || ' did not report in time'))
    where i.ctid = any (array(select e.row from expired e where e.waits_again))
    returning i.organization_id, i.queue_id, i.id
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select e.row from expired e where not e.waits_again))
    returning i.*
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at, created_at, task, unique_key, unique_while, ordering_key, progress, worker_id, claims, seq, ready, blocked, trace, tags,
        error_message, errors, cancel_requested_at, status, finished_at)
    select t.organization_id, t.id, t.queue_id, t.payload, t.priority, t.attempts, t.max_attempts, t.scheduled_for, t.started_at, t.created_at, t.task, t.unique_key, t.unique_while, t.ordering_key, t.progress, t.worker_id, t.claims, t.seq, t.ready, t.blocked, t.trace, t.tags,
        'the lease ran out: worker ' || coalesce(t.worker_id, '?') || ' did not report in time',
        (
            case when jsonb_array_length(t.errors) >= 10 then t.errors - 0 else t.errors end
            || jsonb_build_object('attempt', t.attempts, 'at', statement_timestamp(), 'error', 'the lease ran out: worker ' || coalesce(t.worker_id, '?') || ' did not report in time')),
        t.cancel_requested_at, cast(case when t.cancel_requested_at is null then 'failed' else 'cancelled' end as queue_item_status), statement_timestamp()
    from taken t
),
changed as materialized (
    select organization_id, queue_id, id, 'waiting' as status, null as ordering_key from again
    union all
    select organization_id, queue_id, id, case when t.cancel_requested_at is null then 'failed' else 'cancelled' end, ordering_key from taken t
),
left_off as materialized (
    select c.*, e.counted
    from changed c
    join expired e on e.organization_id = c.organization_id and e.id = c.id
),
freed as materialized (
    select l.organization_id, k.queue_id, count(*) as slots
    from left_off l
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
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct l.organization_id, l.queue_id, l.ordering_key
    from left_off l
    where l.ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, processing, failed, cancelled)
    select m.organization_id, m.queue_id, count(*) filter (where m.status = 'waiting'), -count(*), count(*) filter (where m.status = 'failed'), count(*) filter (where m.status = 'cancelled')
    from left_off m
    group by m.organization_id, m.queue_id
)
select organization_id, queue_id, id, status from changed

-- fairlead.engine.rescue.RESCUE_BESIDE
with looked_at as materialized (
    select i.ctid as row, i.organization_id, i.queue_id
    from queue_items_live i
    where i.status = 'processing' and i.lease_expires_at <= statement_timestamp()
        and i.lease_expires_at >= coalesce(cast(%(since)s as timestamptz), '-infinity')
    order by i.lease_expires_at
    limit %(most)s * 20
),
kept as materialized (
    select distinct l.organization_id, k.queue_id
    from (select distinct l.organization_id, l.queue_id from looked_at l) l
    cross join lateral (values (l.queue_id), ('')) k (queue_id)
    cross join lateral (
        select from slots s where s.organization_id = l.organization_id and s.queue_id = k.queue_id limit 1
    ) s
),
free as materialized (
    select s.*
    from kept k
    cross join lateral (
        select s.organization_id, s.queue_id from slots s
        where s.organization_id = k.organization_id and s.queue_id = k.queue_id
        for update skip locked
    ) s
),
late as materialized (
    select l.*
    from looked_at l
    where not exists (
        select from kept k
        where k.organization_id = l.organization_id and k.queue_id in (l.queue_id, '')
            and (k.organization_id, k.queue_id) not in (select f.organization_id, f.queue_id from free f))
    limit %(most)s
),
queue as materialized (
    select q.*
    from (select distinct l.organization_id, l.queue_id from late l order by 1, 2) l
    cross join lateral (
        select q.organization_id, q.id from queues q
        where q.organization_id = l.organization_id and q.id = l.queue_id
        for key share skip locked
    ) q
),
expired as materialized (
    select i.*
    from late l
    join queue q on q.organization_id = l.organization_id and q.id = l.queue_id
    cross join lateral (
        select i.ctid as row, i.organization_id, i.queue_id, i.id, i.counted,
            i.cancel_requested_at is null and i.attempts < i.max_attempts as waits_again,
            i.status = 'processing' and i.lease_expires_at <= statement_timestamp() as current
        from queue_items_live i
        where i.ctid = l.row
        for update skip locked
    ) i
    where i.current
),
again as (
    update queue_items_live i
    set status = 'waiting',
        ready = i.attempts < 2,
        scheduled_for = case when i.attempts >= 2 then statement_timestamp() + make_interval(secs => 10 * (hashtext(i.id || i.claims) & 1023) / 1024.0) end,
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null, counted = false,
        error_message = 'the lease ran out: worker ' || coalesce(i.worker_id, '?') || ' did not report in time',
        errors = (
            case when jsonb_array_length(i.errors) >= 10 then i.errors - 0 else i.errors end
            || jsonb_build_object('attempt', i.attempts, 'at', statement_timestamp(), 'error', 'the lease ran out: worker ' || coalesce(i.worker_id, '?') || ' did not report in time'))
    where i.ctid = any (array(select e.row from expired e where e.waits_again))
    returning i.organization_id, i.queue_id, i.id
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select e.row from expired e where not e.waits_again))
    returning i.*
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at, created_at, task, unique_key, unique_while, ordering_key, progress, worker_id, claims, seq, ready, blocked, trace, tags,
        error_message, errors, cancel_requested_at, status, finished_at)
    select t.organization_id, t.id, t.queue_id, t.payload, t.priority, t.attempts, t.max_attempts, t.scheduled_for, t.started_at, t.created_at, t.task, t.unique_key, t.unique_while, t.ordering_key, t.progress, t.worker_id, t.claims, t.seq, t.ready, t.blocked, t.trace, t.tags,
        'the lease ran out: worker ' || coalesce(t.worker_id, '?') || ' did not report in time',
        (
            case when jsonb_array_length(t.errors) >= 10 then t.errors - 0 else t.errors end
            || jsonb_build_object('attempt', t.attempts, 'at', statement_timestamp(), 'error', 'the lease ran out: worker ' || coalesce(t.worker_id, '?') || ' did not report in time')),
        t.cancel_requested_at, cast(case when t.cancel_requested_at is null then 'failed' else 'cancelled' end as queue_item_status), statement_timestamp()
    from taken t
),
changed as materialized (
    select organization_id, queue_id, id, 'waiting' as status, null as ordering_key from again
    union all
    select organization_id, queue_id, id, case when t.cancel_requested_at is null then 'failed' else 'cancelled' end, ordering_key from taken t
),
left_off as materialized (
    select c.*, e.counted
    from changed c
    join expired e on e.organization_id = c.organization_id and e.id = c.id
),
freed as materialized (
    select l.organization_id, k.queue_id, count(*) as slots
    from left_off l
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
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct l.organization_id, l.queue_id, l.ordering_key
    from left_off l
    where l.ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, processing, failed, cancelled)
    select m.organization_id, m.queue_id, count(*) filter (where m.status = 'waiting'), -count(*), count(*) filter (where m.status = 'failed'), count(*) filter (where m.status = 'cancelled')
    from left_off m
    group by m.organization_id, m.queue_id
)
select organization_id, queue_id, id, status from changed
