-- fairlead.engine.enqueue.ENQUEUE
insert into queue_items_live (
    id, organization_id, queue_id, payload, priority, max_attempts, scheduled_for, ready, task, tags, trace)
select n.id, q.organization_id, q.id, n.payload, coalesce(n.priority, 0), coalesce(n.max_attempts, q.max_attempts),
    n.due, n.due is null or n.due <= statement_timestamp(), n.task, coalesce(n.tags, '{}'), n.trace
from (
    select i.*, coalesce(i.scheduled_for, statement_timestamp() + make_interval(secs => i.delay_seconds)) as due
    from jsonb_to_recordset(%(items)s) as i (
        id text, payload jsonb, priority integer, max_attempts integer, scheduled_for timestamptz,
        delay_seconds double precision, task text, tags text[], trace text)
) n
cross join (
    select id, organization_id, max_attempts from queues
    where organization_id = %(organization_id)s and id = %(queue_id)s and deleted_at is null
    for key share
) q
