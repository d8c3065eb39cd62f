-- fairlead.engine.cancel.CANCEL
with report as materialized (
    select r.organization_id, r.id, null as queue_id
    from jsonb_to_recordset(%(reports)s) as r (organization_id text, id text)
    order by r.id
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
    select r.organization_id, r.id, i.*
    from report r
    cross join lateral (
        select i.ctid as row, i.queue_id, i.status, i.claims, i.worker_id, (select q.deleted_at is null from queues q where q.organization_id = i.organization_id and q.id = i.queue_id) as current,
            i.status = 'processing' and i.lease_expires_at > statement_timestamp() as is_held
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
            and (select count(*) from queue) >= 0
        for update
    ) i
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current and not h.is_held))
    returning i.*
),
asked as (
    update queue_items_live i
    set cancel_requested_at = coalesce(i.cancel_requested_at, statement_timestamp()),
        lease_expires_at = least(
            i.lease_expires_at,
            statement_timestamp() + make_interval(secs => cast(%(deadline_seconds)s as double precision)))
    where i.ctid = any (array(select h.row from held h where h.current and h.is_held))
    returning i.organization_id, i.id
),
freed as materialized (
    select l.organization_id, k.queue_id, count(*) as slots
    from taken l
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
    from taken l
    where l.ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, processing, cancelled)
    select m.organization_id, m.queue_id, -count(*) filter (where m.status = 'waiting'), -count(*) filter (where m.status = 'processing'), count(*)
    from taken m
    group by m.organization_id, m.queue_id
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at, created_at, task, unique_key, unique_while, ordering_key, progress, worker_id, claims, seq, ready, blocked, trace, tags,
        error_message, errors, cancel_requested_at, status, finished_at)
    select t.organization_id, t.id, t.queue_id, t.payload, t.priority, t.attempts, t.max_attempts, t.scheduled_for, t.started_at, t.created_at, t.task, t.unique_key, t.unique_while, t.ordering_key, t.progress, t.worker_id, t.claims, t.seq, t.ready, t.blocked, t.trace, t.tags,
        t.error_message, t.errors, t.cancel_requested_at, 'cancelled', statement_timestamp()
    from taken t
)
select h.organization_id, h.id, h.id in (select t.id from taken t union all select a.id from asked a), h.queue_id,
    h.status, h.claims, h.worker_id, h.id in (select t.id from taken t)
from held h
where h.current
