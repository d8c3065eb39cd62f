-- fairlead.engine.clear.HOLD_LIVE
with held as materialized (
    select from queue_items_live i
    where i.organization_id = %(organization_id)s and i.queue_id = %(queue_id)s
    order by i.id
    for update
)
select count(*) from held

-- fairlead.engine.clear.CLEAR_LIVE
with gone as (
    delete from queue_items_live i
    where i.organization_id = %(organization_id)s and i.queue_id = %(queue_id)s
    returning i.organization_id, i.queue_id, i.counted
),
freed as materialized (
    select l.organization_id, k.queue_id, count(*) as slots
    from gone l
    cross join lateral (values (l.queue_id), ('')) k (queue_id)
    where l.counted
    group by l.organization_id, k.queue_id
),
slot as materialized (
    select f.*
    from (select * from freed order by organization_id, queue_id) f
    cross join lateral (
        select from slots s where s.organization_id = f.organization_id and s.queue_id = f.queue_id for update
    ) s
),
given_back as (
    update slots s
    set taken = s.taken - g.slots
    from slot g
    where s.organization_id = g.organization_id and s.queue_id = g.queue_id
)
select count(*) from gone

-- fairlead.engine.clear.EMPTY_REST
with finished as (
    delete from queue_items i
    where i.organization_id = %(organization_id)s and i.queue_id = %(queue_id)s and i.finished_at < 'infinity'
    returning i.id
),
counters as (
    delete from item_counters c where c.organization_id = %(organization_id)s and c.queue_id = %(queue_id)s
),
turns as (
    delete from ordering_turns t where t.organization_id = %(organization_id)s and t.queue_id = %(queue_id)s
)
select count(*) from finished

-- fairlead.engine.clear.CLEAR_REST
with finished as (
    delete from queue_items i
    where i.organization_id = %(organization_id)s and i.queue_id = %(queue_id)s and i.finished_at < 'infinity'
    returning i.id
),
counters as (
    delete from item_counters c where c.organization_id = %(organization_id)s and c.queue_id = %(queue_id)s
),
turns as (
    delete from ordering_turns t where t.organization_id = %(organization_id)s and t.queue_id = %(queue_id)s
),
depth as (
    delete from depth_turns d where d.organization_id = %(organization_id)s and d.queue_id = %(queue_id)s
)
delete from slots s where s.organization_id = %(organization_id)s and s.queue_id = %(queue_id)s

-- fairlead.engine.clear.FORGET
with finished as (
    delete from queue_items i where i.organization_id = %(organization_id)s and i.finished_at < 'infinity'
),
counters as (
    delete from item_counters c where c.organization_id = %(organization_id)s
)
delete from ordering_turns t where t.organization_id = %(organization_id)s
