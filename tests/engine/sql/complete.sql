-- fairlead.engine.complete.COMPLETE
with report as materialized (
    select distinct on (r.id, r.organization_id, r.claims) r.*
    from jsonb_to_recordset(%(reports)s) as r (
        organization_id text, queue_id text, id text, claims integer, result jsonb)
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
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.*
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
    insert into item_counters (organization_id, queue_id, processing, completed)
    select m.organization_id, m.queue_id, -count(*), count(*)
    from taken m
    group by m.organization_id, m.queue_id
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at, created_at, task, unique_key, unique_while, ordering_key, progress, worker_id, claims, seq, ready, blocked, trace, tags,
        error_message, errors, result, status, completed_at, finished_at)
    select t.organization_id, t.id, t.queue_id, t.payload, t.priority, t.attempts, t.max_attempts, t.scheduled_for, t.started_at, t.created_at, t.task, t.unique_key, t.unique_while, t.ordering_key, t.progress, t.worker_id, t.claims, t.seq, t.ready, t.blocked, t.trace, t.tags,
        t.error_message, t.errors, nullif(h.result, 'null'), 'completed', statement_timestamp(), statement_timestamp()
    from taken t
    join held h on h.organization_id = t.organization_id and h.id = t.id and h.current
)
select h.organization_id, h.id, t.id is not null, h.of_queue
from held h
left join taken t on t.organization_id = h.organization_id and t.id = h.id
where h.current

-- fairlead.engine.complete.COMPLETE_KEEPING_SLOTS
with report as materialized (
    select distinct on (r.id, r.organization_id, r.claims) r.*
    from jsonb_to_recordset(%(reports)s) as r (
        organization_id text, queue_id text, id text, claims integer, result jsonb)
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
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.*
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct l.organization_id, l.queue_id, l.ordering_key
    from taken l
    where l.ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, processing, completed)
    select m.organization_id, m.queue_id, -count(*), count(*)
    from taken m
    group by m.organization_id, m.queue_id
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at, created_at, task, unique_key, unique_while, ordering_key, progress, worker_id, claims, seq, ready, blocked, trace, tags,
        error_message, errors, result, status, completed_at, finished_at)
    select t.organization_id, t.id, t.queue_id, t.payload, t.priority, t.attempts, t.max_attempts, t.scheduled_for, t.started_at, t.created_at, t.task, t.unique_key, t.unique_while, t.ordering_key, t.progress, t.worker_id, t.claims, t.seq, t.ready, t.blocked, t.trace, t.tags,
        t.error_message, t.errors, nullif(h.result, 'null'), 'completed', statement_timestamp(), statement_timestamp()
    from taken t
    join held h on h.organization_id = t.organization_id and h.id = t.id and h.current
)
select h.organization_id, h.id, t.id is not null, h.of_queue
from held h
left join taken t on t.organization_id = h.organization_id and t.id = h.id
where h.current

-- fairlead.engine.complete.COMPLETED_BEFORE
select i.id, i.queue_id
from jsonb_to_recordset(%(reports)s) as r (organization_id text, id text, claims integer)
cross join lateral (
    select i.id, i.queue_id, i.status, i.claims
    from queue_items i
    where i.organization_id = r.organization_id and i.id = r.id
    order by i.finished_at desc
    limit 1
) i
where i.status = 'completed' and i.claims = r.claims
