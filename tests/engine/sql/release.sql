-- fairlead.engine.release.RELEASE
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
released as (
    update queue_items_live i
    set status = 'waiting', attempts = i.attempts - 1,
        started_at = null, lease_expires_at = null, worker_id = null
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.id
)
select h.id, r.id is not null
from held h
left join released r on r.id = h.id
where h.current
