-- fairlead.engine.rescue.RESCUE
with expired as materialized (
    select i.ctid as row, i.attempts < i.max_attempts as attempts_left
    from queue_items_live i
    where i.status = 'processing' and i.lease_expires_at <= statement_timestamp()
    order by i.lease_expires_at
    limit %(most)s
    for update skip locked
),
again as (
    update queue_items_live i
    set status = 'waiting',
        ready = i.attempts < 2,
        scheduled_for = case when i.attempts >= 2 then statement_timestamp() + make_interval(secs => 10 * (hashtext(i.id || i.claims) & 1023) / 1024.0) end,
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null,
        error_message = 'the lease ran out: worker ' || coalesce(i.worker_id, '?') || ' did not report in time',
        errors = (
            case when jsonb_array_length(i.errors) >= 10 then i.errors - 0 else i.errors end
            || jsonb_build_object('attempt', i.attempts, 'at', statement_timestamp(), 'error', 'the lease ran out: worker ' || coalesce(i.worker_id, '?') || ' did not report in time'))
    where i.ctid = any (array(select e.row from expired e where e.attempts_left))
    returning i.organization_id, i.queue_id, i.id
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select e.row from expired e where not e.attempts_left))
    returning i.*
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at, created_at, task, unique_key, ordering_key, progress, worker_id, claims, seq, ready, trace, tags,
        error_message, errors, status, finished_at)
    select t.organization_id, t.id, t.queue_id, t.payload, t.priority, t.attempts, t.max_attempts, t.scheduled_for, t.started_at, t.created_at, t.task, t.unique_key, t.ordering_key, t.progress, t.worker_id, t.claims, t.seq, t.ready, t.trace, t.tags,
        'the lease ran out: worker ' || coalesce(t.worker_id, '?') || ' did not report in time',
        (
            case when jsonb_array_length(t.errors) >= 10 then t.errors - 0 else t.errors end
            || jsonb_build_object('attempt', t.attempts, 'at', statement_timestamp(), 'error', 'the lease ran out: worker ' || coalesce(t.worker_id, '?') || ' did not report in time')),
        'failed', statement_timestamp()
    from taken t
)
select organization_id, queue_id, id, 'waiting' from again
union all
select organization_id, queue_id, id, 'failed' from taken
