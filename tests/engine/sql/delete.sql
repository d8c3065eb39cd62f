-- fairlead.engine.delete.DELETE
with report as materialized (
    select r.organization_id, r.id
    from jsonb_to_recordset(%(reports)s) as r (organization_id text, id text)
    order by r.id
),
held as materialized (
    select r.organization_id, r.id, i.*
    from report r
    cross join lateral (
        select i.ctid as row, i.finished_at = 'infinity' as live,
            i.status <> 'processing' and (select q.deleted_at is null from queues q where q.organization_id = i.organization_id and q.id = i.queue_id) as current,
            i.queue_id, i.ordering_key, i.status, i.priority, i.attempts, i.max_attempts, i.scheduled_for, i.started_at,
            nullif(i.finished_at, 'infinity') as finished_at, i.created_at, i.task, i.tags
        from queue_items i
        where i.organization_id = r.organization_id and i.id = r.id
        for update
    ) i
),
waiting as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current and h.live))
    returning i.organization_id, i.id, i.queue_id, i.ordering_key, i.status
),
finished as (
    delete from queue_items i
    where i.organization_id = %(organization_id)s and i.finished_at < 'infinity'
        and i.id = any (array(select h.id from held h where h.current and not h.live))
    returning i.organization_id, i.id, i.queue_id, null as ordering_key, i.status
),
gone as materialized (
    select * from waiting
    union all
    select * from finished
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct l.organization_id, l.queue_id, l.ordering_key
    from gone l
    where l.ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, completed, failed, cancelled)
    select m.organization_id, m.queue_id, -count(*) filter (where m.status = 'waiting'), -count(*) filter (where m.status = 'completed'), -count(*) filter (where m.status = 'failed'), -count(*) filter (where m.status = 'cancelled')
    from gone m
    group by m.organization_id, m.queue_id
)
select h.organization_id, h.id, h.id in (select g.id from gone g), h.queue_id, h.status, h.priority, h.attempts,
    h.max_attempts, h.scheduled_for, h.started_at, h.finished_at, h.created_at, h.task, h.tags
from held h
where h.current
