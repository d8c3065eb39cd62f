-- fairlead.engine.complete.COMPLETE
with report as materialized (
    select distinct on (r.id, r.organization_id, r.claims) r.*
    from jsonb_to_recordset(%(reports)s) as r (organization_id text, id text, claims integer, result jsonb)
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
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.*
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at, created_at, task, unique_key, ordering_key, progress, worker_id, claims, seq, ready, trace, tags,
        error_message, errors, result, status, completed_at, finished_at)
    select t.organization_id, t.id, t.queue_id, t.payload, t.priority, t.attempts, t.max_attempts, t.scheduled_for, t.started_at, t.created_at, t.task, t.unique_key, t.ordering_key, t.progress, t.worker_id, t.claims, t.seq, t.ready, t.trace, t.tags,
        t.error_message, t.errors, nullif(h.result, 'null'), 'completed', statement_timestamp(), statement_timestamp()
    from taken t
    join held h on h.organization_id = t.organization_id and h.id = t.id and h.current
)
select h.organization_id, h.id, t.id is not null
from held h
left join taken t on t.organization_id = h.organization_id and t.id = h.id
where h.current

-- fairlead.engine.complete.COMPLETED_BEFORE
select i.id
from jsonb_to_recordset(%(reports)s) as r (organization_id text, id text, claims integer)
join queue_items i on i.organization_id = r.organization_id and i.id = r.id
where i.status = 'completed' and i.claims = r.claims
