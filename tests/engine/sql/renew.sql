-- fairlead.engine.renew.RENEW
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
renewed as (
    update queue_items_live i
    set lease_expires_at = greatest(
            i.lease_expires_at, statement_timestamp() + make_interval(secs => %(lease_seconds)s)),
        progress = coalesce(cast(%(progress)s as jsonb) -> i.id, i.progress)
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.id, i.lease_expires_at
)
select h.id, r.id is not null, r.lease_expires_at
from held h
left join renewed r on r.id = h.id
where h.current
