-- fairlead.engine.fail.FAIL
with report as materialized (
    select distinct on (r.id, r.organization_id, r.claims) r.*
    from jsonb_to_recordset(%(reports)s) as r (organization_id text, id text, claims integer, error text, delay_seconds double precision, give_up boolean)
    order by r.id, r.organization_id, r.claims
),
held as materialized (
    select r.*, i.row, i.attempts_left, i.current
    from report r
    cross join lateral (
        select i.ctid as row, i.attempts < i.max_attempts as attempts_left,
            i.status = 'processing' and i.claims = r.claims
                and i.lease_expires_at > statement_timestamp() as current
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
        for update
    ) i
),
again as (
    update queue_items_live i
    set status = 'waiting',
        ready = h.delay_seconds <= 0,
        scheduled_for = statement_timestamp() + make_interval(secs => h.delay_seconds),
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null,
        error_message = h.error,
        errors = (
            case when jsonb_array_length(i.errors) >= 10 then i.errors - 0 else i.errors end
            || jsonb_build_object('attempt', i.attempts, 'at', statement_timestamp(), 'error', h.error))
    from held h
    where i.ctid = any (array(select c.row from held c where c.current and c.attempts_left and not c.give_up))
        and i.ctid = h.row
    returning i.organization_id, i.id
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current and (h.give_up or not h.attempts_left)))
    returning i.*
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at, created_at, task, unique_key, ordering_key, progress, worker_id, claims, seq, ready, trace, tags,
        error_message, errors, status, finished_at)
    select t.organization_id, t.id, t.queue_id, t.payload, t.priority, t.attempts, t.max_attempts, t.scheduled_for, t.started_at, t.created_at, t.task, t.unique_key, t.ordering_key, t.progress, t.worker_id, t.claims, t.seq, t.ready, t.trace, t.tags,
        h.error, (
            case when jsonb_array_length(t.errors) >= 10 then t.errors - 0 else t.errors end
            || jsonb_build_object('attempt', t.attempts, 'at', statement_timestamp(), 'error', h.error)), 'failed', statement_timestamp()
    from taken t
    join held h on h.organization_id = t.organization_id and h.id = t.id and h.current
),
changed as (
    select organization_id, id, 'waiting' as status from again
    union all
    select organization_id, id, 'failed' from taken
)
select h.organization_id, h.id, c.id is not null, c.status
from held h
left join changed c on c.organization_id = h.organization_id and c.id = h.id
where h.current
