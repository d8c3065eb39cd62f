-- fairlead.engine.claim.CLAIM
with source as materialized (
    select s.organization_id, s.queue_id, s.take
    from jsonb_to_recordset(%(sources)s) as s (organization_id text, queue_id text, take integer)
),
picked as materialized (
    select i.row
    from source s
    cross join lateral (
        select i.ctid as row
        from queue_items_live i
        where i.organization_id = s.organization_id and i.queue_id = s.queue_id
            and i.status = 'waiting' and i.ready
        order by (-i.priority), i.seq
        limit s.take
        for update skip locked
    ) i
)
update queue_items_live i
set status = 'processing',
    attempts = i.attempts + 1,
    claims = i.claims + 1,
    started_at = statement_timestamp(),
    lease_expires_at = statement_timestamp() + make_interval(secs => %(lease_seconds)s),
    worker_id = %(worker_id)s
where i.ctid = any (array(select p.row from picked p))
returning i.id, i.organization_id, i.queue_id, i.payload, i.priority, i.attempts, i.max_attempts, i.claims,
    i.lease_expires_at, i.seq, i.task, i.created_at, i.tags, i.trace
