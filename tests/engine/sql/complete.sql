-- fairlead.engine.complete.COMPLETE
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
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.*
),
finished as (
    insert into queue_items (
        organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at,
        created_at, task, unique_key, ordering_key, progress, worker_id, claims, seq, ready, trace, tags,
        error_message, errors, result, status, completed_at, finished_at)
    select organization_id, id, queue_id, payload, priority, attempts, max_attempts, scheduled_for, started_at,
        created_at, task, unique_key, ordering_key, progress, worker_id, claims, seq, ready, trace, tags,
        error_message, errors, nullif(cast(%(results)s as jsonb) -> id, 'null'), 'completed',
        statement_timestamp(), statement_timestamp()
    from taken
)
select h.id, t.id is not null
from held h
left join taken t on t.id = h.id
where h.current

-- fairlead.engine.complete.COMPLETED_BEFORE
select i.id
from jsonb_to_recordset(%(reports)s) as r (organization_id text, id text, claims integer)
join queue_items i on i.organization_id = r.organization_id and i.id = r.id
where i.status = 'completed' and i.claims = r.claims
