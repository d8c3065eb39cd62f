-- fairlead.engine.advance.ADVANCE
with note as materialized (
    select n.id, n.organization_id, n.queue_id, n.ordering_key
    from ordering_turns n
    where n.id > %(after)s
    order by n.id
    limit %(most)s
    for update skip locked
),
next as materialized (
    select k.organization_id, k.queue_id, k.ordering_key, i.row
    from (select distinct organization_id, queue_id, ordering_key from note) k
    cross join lateral (
        select i.ctid as row
        from queue_items_live i
        where i.organization_id = k.organization_id and i.queue_id = k.queue_id and i.ordering_key = k.ordering_key
            and i.blocked
        order by i.seq
        limit 1
    ) i
    where (
        select count(*) from queue_items_live f
        where f.organization_id = k.organization_id and f.queue_id = k.queue_id and f.ordering_key = k.ordering_key
            and not f.blocked) = 0
),
held as materialized (
    select i.row
    from next n
    cross join lateral (
        select i.ctid as row, i.blocked as current from queue_items_live i where i.ctid = n.row for update skip locked
    ) i
    where i.current
),
forward as (
    update queue_items_live i
    set blocked = false, ready = i.scheduled_for is null or i.scheduled_for <= statement_timestamp()
    where i.ctid = any (array(select h.row from held h))
    returning i.organization_id, i.queue_id, i.ordering_key, i.ready
),
gone as (
    delete from ordering_turns t
    where t.id = any (array(
        select n.id
        from note n
        left join next w using (organization_id, queue_id, ordering_key)
        left join forward f using (organization_id, queue_id, ordering_key)
        where w.row is null or f.ready is not null))
    returning t.id
)
select f.queue_id, f.ready, (select count(*) from gone) from forward f
union all
select null, false, (select count(*) from gone)
