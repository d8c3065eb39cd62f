-- fairlead.engine.renew.RENEW
with report as materialized (
    select distinct on (r.id, r.organization_id, r.claims) r.*
    from jsonb_to_recordset(%(reports)s) as r (
        organization_id text, queue_id text, id text, claims integer, progress jsonb)
    order by r.id, r.organization_id, r.claims
),
held as materialized (
    select r.*, i.*
    from report r
    cross join lateral (
        select i.ctid as row, i.queue_id as of_queue, i.counted, i.ordering_key,
            i.attempts < i.max_attempts as attempts_left,
            i.status = 'processing' and i.claims = r.claims
                and i.lease_expires_at > statement_timestamp() and i.cancel_requested_at is null as current
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
        for update
    ) i
),
said as materialized (
    select jsonb_object_agg(h.organization_id || '/' || h.id, jsonb_build_object('progress', h.progress)) as of_item
    from held h
    where h.current
),
renewed as (
    update queue_items_live i
    set lease_expires_at = greatest(
            i.lease_expires_at, statement_timestamp() + make_interval(secs => %(lease_seconds)s)),
        progress = coalesce(nullif((select s.of_item from said s) -> (i.organization_id || '/' || i.id) -> 'progress', 'null'), i.progress)
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.organization_id, i.id, i.lease_expires_at
)
select h.organization_id, h.id, r.id is not null, r.lease_expires_at
from held h
left join renewed r on r.organization_id = h.organization_id and r.id = h.id
where h.current

-- fairlead.engine.renew.RENEW_FREE
with report as materialized (
    select distinct on (r.id, r.organization_id, r.claims) r.*
    from jsonb_to_recordset(%(reports)s) as r (
        organization_id text, queue_id text, id text, claims integer, progress jsonb)
    order by r.id, r.organization_id, r.claims
),
held as materialized (
    select r.*, i.*
    from report r
    cross join lateral (
        select i.ctid as row, i.queue_id as of_queue, i.counted, i.ordering_key,
            i.attempts < i.max_attempts as attempts_left,
            i.status = 'processing' and i.claims = r.claims
                and i.lease_expires_at > statement_timestamp() and i.cancel_requested_at is null as current
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
        for update skip locked
    ) i
),
said as materialized (
    select jsonb_object_agg(h.organization_id || '/' || h.id, jsonb_build_object('progress', h.progress)) as of_item
    from held h
    where h.current
),
renewed as (
    update queue_items_live i
    set lease_expires_at = greatest(
            i.lease_expires_at, statement_timestamp() + make_interval(secs => %(lease_seconds)s)),
        progress = coalesce(nullif((select s.of_item from said s) -> (i.organization_id || '/' || i.id) -> 'progress', 'null'), i.progress)
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.organization_id, i.id, i.lease_expires_at
)
select h.organization_id, h.id, r.id is not null, r.lease_expires_at
from held h
left join renewed r on r.organization_id = h.organization_id and r.id = h.id
where h.current
