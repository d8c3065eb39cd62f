-- fairlead.queries.cancelled.CANCELLED
select i.id
from jsonb_to_recordset(%(leases)s) as r (organization_id text, id text, claims integer)
join queue_items i on i.organization_id = r.organization_id and i.id = r.id
where i.claims = r.claims
    and (i.status = 'cancelled' or (i.status = 'processing' and i.cancel_requested_at is not null))
