-- fairlead.queries.cancelled.CANCELLED
select i.id
from jsonb_to_recordset(%(leases)s) as r (organization_id text, id text, claims integer)
cross join lateral (
    select i.id, i.claims, i.status, i.cancel_requested_at
    from queue_items i
    where i.organization_id = r.organization_id and i.id = r.id
    order by i.finished_at desc
    limit 1
) i
where i.claims = r.claims
    and (i.status = 'cancelled' or (i.status = 'processing' and i.cancel_requested_at is not null))
