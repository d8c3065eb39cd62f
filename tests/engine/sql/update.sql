-- fairlead.engine.update.UPDATE
with report as materialized (
    select r.*, r.scheduled_for is null or r.scheduled_for <= statement_timestamp() as due
    from jsonb_to_recordset(%(reports)s) as r (
        organization_id text, id text, payload jsonb, priority integer, max_attempts integer, tags text[],
        sets_task boolean, task text, sets_due boolean, scheduled_for timestamptz)
),
held as materialized (
    select r.*, i.*
    from report r
    cross join lateral (
        select i.ctid as row,
            i.status = 'waiting' and i.attempts < coalesce(r.max_attempts, i.max_attempts)
                and (select q.deleted_at is null from queues q where q.organization_id = i.organization_id and q.id = i.queue_id) as current,
            r.payload <> i.payload as other_payload, i.priority as old_priority, i.max_attempts as old_max_attempts,
            i.scheduled_for as old_scheduled_for, i.task as old_task, i.tags as old_tags
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
        for update
    ) i
),
changed as (
    update queue_items_live i
    set payload = coalesce(h.payload, i.payload),
        priority = coalesce(h.priority, i.priority),
        max_attempts = coalesce(h.max_attempts, i.max_attempts),
        tags = coalesce(h.tags, i.tags),
        task = case when h.sets_task then h.task else i.task end,
        scheduled_for = case when h.sets_due then h.scheduled_for else i.scheduled_for end,
        ready = case when h.sets_due and not i.blocked then h.due else i.ready end,
        seq = case
            when h.sets_due and h.due and not i.ready and not i.blocked then nextval('queue_items_seq') else i.seq end
    from held h
    where i.ctid = any (array(select c.row from held c where c.current)) and i.ctid = h.row
    returning i.organization_id, i.id, i.priority, i.max_attempts, i.scheduled_for, i.task, i.tags
)
select h.organization_id, h.id, c.id is not null, coalesce(h.other_payload, false),
    h.old_priority, h.old_max_attempts, h.old_scheduled_for, h.old_task, h.old_tags,
    c.priority, c.max_attempts, c.scheduled_for, c.task, c.tags
from held h
left join changed c on c.organization_id = h.organization_id and c.id = h.id
where h.current
