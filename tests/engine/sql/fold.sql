-- fairlead.engine.fold.TRY_LOCK
select pg_try_advisory_xact_lock(4919111418901031126)

-- fairlead.engine.fold.LOCK
select pg_advisory_xact_lock(4919111418901031126), set_config('statement_timeout', '0', true)

-- fairlead.engine.fold.FOLD
with busy as materialized (
    select c.organization_id, c.queue_id
    from item_counters c
    group by c.organization_id, c.queue_id
    having count(*) > 1
    limit %(most)s
),
there as materialized (
    select b.organization_id, b.queue_id, q.there
    from busy b
    cross join lateral (
        select count(*) > 0 as there from queues q where q.organization_id = b.organization_id and q.id = b.queue_id
    ) q
),
shared as materialized (
    select t.organization_id, t.queue_id
    from (select * from there where there order by organization_id, queue_id) t
    cross join lateral (
        select from queues q where q.organization_id = t.organization_id and q.id = t.queue_id for key share skip locked
    ) q
),
picked as materialized (
    select c.id
    from (select organization_id, queue_id from shared
          union all
          select organization_id, queue_id from there where not there) b
    join item_counters c on c.organization_id = b.organization_id and c.queue_id = b.queue_id
    for update of c skip locked
),
gone as (
    delete from item_counters c
    where c.id = any (array(select id from picked))
    returning c.*
),
total as materialized (
    select organization_id, queue_id, sum(waiting) as waiting, sum(processing) as processing,
        sum(completed) as completed, sum(failed) as failed, sum(cancelled) as cancelled
    from gone
    group by organization_id, queue_id
),
folded as (
    insert into item_counters (organization_id, queue_id, waiting, processing, completed, failed, cancelled)
    select t.* from total t
    join shared s on s.organization_id = t.organization_id and s.queue_id = t.queue_id
    where (t.waiting, t.processing, t.completed, t.failed, t.cancelled) <> (0, 0, 0, 0, 0)
)
select (select count(*) from gone), (select count(*) from busy)

-- fairlead.engine.fold.RECOUNT
with queue as materialized (
    select q.organization_id, q.id from queues q
    where q.organization_id = %(organization_id)s and q.id = %(queue_id)s
    for key share
),
old as (
    delete from item_counters c
    where c.organization_id = %(organization_id)s and c.queue_id = %(queue_id)s
        and (select count(*) from queue) >= 0
    returning c.waiting, c.processing, c.completed, c.failed, c.cancelled
),
new as materialized (
    select count(*) filter (where i.status = 'waiting') as waiting,
        count(*) filter (where i.status = 'processing') as processing,
        count(*) filter (where i.status = 'completed') as completed,
        count(*) filter (where i.status = 'failed') as failed,
        count(*) filter (where i.status = 'cancelled') as cancelled
    from queue_items i
    where i.organization_id = %(organization_id)s and i.queue_id = %(queue_id)s
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, processing, completed, failed, cancelled)
    select q.organization_id, q.id, n.*
    from new n
    cross join queue q
)
select abs(n.waiting - o.waiting) + abs(n.processing - o.processing) + abs(n.completed - o.completed)
    + abs(n.failed - o.failed) + abs(n.cancelled - o.cancelled)
from new n
cross join (
    select coalesce(sum(waiting), 0) as waiting, coalesce(sum(processing), 0) as processing,
        coalesce(sum(completed), 0) as completed, coalesce(sum(failed), 0) as failed,
        coalesce(sum(cancelled), 0) as cancelled
    from old
) o
