-- fairlead.engine.fail.FAIL
with report as materialized (
    select r.organization_id, r.id, r.claims
    from jsonb_to_recordset(%(reports)s) as r (organization_id text, id text, claims integer)
    order by r.id
),
held as materialized (
    select i.*
    from report r
    cross join lateral (
        select i.ctid as row, i.id, i.attempts < i.max_attempts as attempts_left,
            i.status = 'processing' and i.claims = r.claims
                and i.lease_expires_at > statement_timestamp() as current
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
        for update
    ) i
),
outcome as materialized (
    select cast(%(failures)s as jsonb) as failure
),
verdict as materialized (
    select h.row, h.id, h.attempts_left and not (o.failure -> h.id ->> 'give_up')::boolean as retried
    from held h, outcome o
    where h.current
),
again as (
    update queue_items_live i
    set status = 'waiting',
        ready = (o.failure -> i.id ->> 'delay_seconds')::double precision <= 0,
        scheduled_for = statement_timestamp()
            + make_interval(secs => (o.failure -> i.id ->> 'delay_seconds')::double precision),
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null,
        error_message = o.failure -> i.id ->> 'error',
        errors = (case when jsonb_array_length(errors) >= 10 then errors - 0 else errors end)
            || jsonb_build_object('attempt', attempts, 'at', statement_timestamp(), 'error', o.failure -> i.id ->> 'error')
    from outcome o
    where i.ctid = any (array(select v.row from verdict v where v.retried))
    returning i.id
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select v.row from verdict v where not v.retried))
    returning i.*
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at,
        created_at, task, unique_key, ordering_key, progress, worker_id, claims, seq, ready, trace, tags,
        error_message, errors, status, finished_at)
    select organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at,
        created_at, task, unique_key, ordering_key, progress, worker_id, claims, seq, ready, trace, tags,
        o.failure -> id ->> 'error', (case when jsonb_array_length(errors) >= 10 then errors - 0 else errors end)
            || jsonb_build_object('attempt', attempts, 'at', statement_timestamp(), 'error', o.failure -> id ->> 'error'), 'failed', statement_timestamp()
    from taken, outcome o
)
select v.id, a.id is not null or t.id is not null, case when v.retried then 'waiting' else 'failed' end
from verdict v
left join again a on a.id = v.id
left join taken t on t.id = v.id
