-- fairlead.queries.current_leases.CURRENT
select i.id
from jsonb_to_recordset(%(leases)s) as r (organization_id text, id text, claims integer)
cross join lateral (
    select i.id, i.claims, i.status, i.lease_expires_at, i.cancel_requested_at
    from queue_items_live i
    where i.organization_id = r.organization_id and i.id = r.id
    limit 1
) i
where i.claims = r.claims and i.status = 'processing' and i.lease_expires_at > statement_timestamp()
    and i.cancel_requested_at is null
