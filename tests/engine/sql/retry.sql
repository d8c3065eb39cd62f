-- fairlead.engine.retry.RETRY
with report as materialized (
    select r.organization_id, r.id, null as queue_id
    from jsonb_to_recordset(%(reports)s) as r (organization_id text, id text)
    order by r.id
),
queue as materialized (
    select q.id
    from (
        select distinct r.organization_id, coalesce(nullif(r.queue_id, ''), (
            select i.queue_id from queue_items i where i.organization_id = r.organization_id and i.id = r.id)) as queue_id
        from report r
        order by 1, 2
    ) r
    cross join lateral (
        select q.id from queues q where q.organization_id = r.organization_id and q.id = r.queue_id for key share
    ) q
),
held as materialized (
    select r.organization_id, r.id, i.*
    from report r
    cross join lateral (
        select i.queue_id, i.status, i.finished_at, i.seq,
            case when i.unique_while = 'active' or (i.unique_while = 'waiting' and i.claims = 0) then i.unique_key end
                as held_key,
            (select q.deleted_at is null from queues q where q.organization_id = i.organization_id and q.id = i.queue_id) as is_there
        from queue_items i
        where i.organization_id = r.organization_id and i.id = r.id and i.finished_at < 'infinity'
            and (select count(*) from queue) >= 0
        for update
    ) i
),
fit as materialized (
    select h.*,
        h.is_there and (h.held_key is null or (h.nth = 1 and not exists (
            select from queue_items_live l
            where l.organization_id = h.organization_id and l.queue_id = h.queue_id and l.unique_key = h.held_key
                and (l.unique_while = 'active' or (l.unique_while = 'waiting' and l.claims = 0))))) as current
    from (
        select h.*,
            row_number() over (partition by h.organization_id, h.queue_id, h.held_key order by h.finished_at, h.seq)
                as nth
        from held h
    ) h
),
taken as (
    delete from queue_items i
    where i.organization_id = %(organization_id)s and i.finished_at < 'infinity'
        and i.id = any (array(select h.id from fit h where h.current))
    returning i.*
),
again as (
    insert into queue_items_live (
        organization_id, id, queue_id, payload, priority, max_attempts, error_message, errors, created_at, task, unique_key, unique_while, ordering_key, claims, trace, tags,
        ready, blocked)
    select organization_id, id, queue_id, payload, priority, max_attempts, error_message, errors, created_at, task, unique_key, unique_while, ordering_key, claims, trace, tags,
        t.ordering_key is null, t.ordering_key is not null
    from taken t
    order by t.finished_at, t.seq
    returning organization_id, id, queue_id, ordering_key
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct organization_id, queue_id, ordering_key from again where ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, completed, failed, cancelled)
    select m.organization_id, m.queue_id, count(*), -count(*) filter (where m.status = 'completed'), -count(*) filter (where m.status = 'failed'), -count(*) filter (where m.status = 'cancelled')
    from taken m
    group by m.organization_id, m.queue_id
)
select h.organization_id, h.id, h.id in (select t.id from taken t), h.queue_id, h.status
from fit h
where h.current
