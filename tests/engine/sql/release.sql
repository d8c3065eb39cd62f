-- fairlead.engine.release.RELEASE
with report as materialized (
    select distinct on (r.id, r.organization_id, r.claims) r.*
    from jsonb_to_recordset(%(reports)s) as r (organization_id text, id text, claims integer)
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
released as (
    update queue_items_live i
    set status = 'waiting', attempts = i.attempts - 1,
        started_at = null, lease_expires_at = null, worker_id = null
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.organization_id, i.id
)
select h.organization_id, h.id, r.id is not null
from held h
left join released r on r.organization_id = h.organization_id and r.id = h.id
where h.current
