-- fairlead.engine.fail.FAIL
with report as materialized (
    select distinct on (r.id, r.organization_id, r.claims) r.*
    from jsonb_to_recordset(%(reports)s) as r (
        organization_id text, queue_id text, id text, claims integer, error text, delay_seconds double precision, give_up boolean)
    order by r.id, r.organization_id, r.claims
),
queue as materialized (
    select q.id
    from (
        select distinct r.organization_id, coalesce(nullif(r.queue_id, ''), (
            select i.queue_id from queue_items_live i where i.organization_id = r.organization_id and i.id = r.id)) as queue_id
        from report r
        order by 1, 2
    ) r
    cross join lateral (
        select q.id from queues q where q.organization_id = r.organization_id and q.id = r.queue_id for key share
    ) q
),
held as materialized (
    select r.*, i.*
    from report r
    cross join lateral (
        select i.ctid as row, i.queue_id as of_queue, i.counted, i.ordering_key,
            i.attempts < i.max_attempts as attempts_left,
            i.status = 'processing' and i.claims = r.claims
                and i.lease_expires_at > statement_timestamp() and i.cancel_requested_at is null as current
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
            and (select count(*) from queue) >= 0
        for update
    ) i
),
said as materialized (
    select jsonb_object_agg(h.organization_id || '/' || h.id, jsonb_build_object('delay_seconds', h.delay_seconds, 'error', h.error)) as of_item
    from held h
    where h.current
),
again as (
    update queue_items_live i
    set status = 'waiting',
        ready = cast((select s.of_item from said s) -> (i.organization_id || '/' || i.id) -> 'delay_seconds' as double precision) <= 0,
        scheduled_for = statement_timestamp() + make_interval(secs => cast((select s.of_item from said s) -> (i.organization_id || '/' || i.id) -> 'delay_seconds' as double precision)),
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null, counted = false,
        error_message = ((select s.of_item from said s) -> (i.organization_id || '/' || i.id) ->> 'error'),
        errors = (
            case when jsonb_array_length(i.errors) >= 10 then i.errors - 0 else i.errors end
            || jsonb_build_object('attempt', i.attempts, 'at', statement_timestamp(), 'error', ((select s.of_item from said s) -> (i.organization_id || '/' || i.id) ->> 'error')))
    where i.ctid = any (array(select h.row from held h where h.current and h.attempts_left and not h.give_up))
    returning i.organization_id, i.id
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current and (h.give_up or not h.attempts_left)))
    returning i.*
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at, created_at, task, unique_key, unique_while, ordering_key, progress, worker_id, claims, seq, ready, blocked, trace, tags,
        error_message, errors, status, finished_at)
    select t.organization_id, t.id, t.queue_id, t.payload, t.priority, t.attempts, t.max_attempts, t.scheduled_for, t.started_at, t.created_at, t.task, t.unique_key, t.unique_while, t.ordering_key, t.progress, t.worker_id, t.claims, t.seq, t.ready, t.blocked, t.trace, t.tags,
        h.error, (
            case when jsonb_array_length(t.errors) >= 10 then t.errors - 0 else t.errors end
            || jsonb_build_object('attempt', t.attempts, 'at', statement_timestamp(), 'error', h.error)), 'failed', statement_timestamp()
    from taken t
    join held h on h.organization_id = t.organization_id and h.id = t.id and h.current
),
changed as materialized (
    select organization_id, id, 'waiting' as status from again
    union all
    select organization_id, id, 'failed' from taken
),
left_off as materialized (
    select h.organization_id, h.of_queue as queue_id, h.counted, h.ordering_key, c.status
    from held h
    join changed c on c.organization_id = h.organization_id and c.id = h.id
    where h.current
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
    from (select * from left_off where status = 'failed') l
    where l.ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, processing, failed)
    select m.organization_id, m.queue_id, count(*) filter (where m.status = 'waiting'), -count(*), count(*) filter (where m.status = 'failed')
    from left_off m
    group by m.organization_id, m.queue_id
)
select h.organization_id, h.id, c.id is not null, c.status
from held h
left join changed c on c.organization_id = h.organization_id and c.id = h.id
where h.current
