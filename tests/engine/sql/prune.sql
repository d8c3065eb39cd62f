-- fairlead.engine.prune.PRUNE
with over as materialized (
    select i.row, q.organization_id, q.id as queue_id, i.id
    from queues q
    cross join lateral (
        select i.ctid as row, i.id
        from queue_items_finished i
        where i.organization_id = q.organization_id and i.queue_id = q.id
            and i.finished_at <= statement_timestamp() - make_interval(secs => q.retention_seconds)
        order by i.finished_at
        limit %(most)s
    ) i
    where q.retention_seconds is not null
    limit %(most)s
),
queue as materialized (
    select q.*
    from (select distinct o.organization_id, o.queue_id from over o order by 1, 2) o
    cross join lateral (
        select q.organization_id, q.id from queues q
        where q.organization_id = o.organization_id and q.id = o.queue_id
        for key share skip locked
    ) q
),
held as materialized (
    select i.row
    from over o
    join queue q on q.organization_id = o.organization_id and q.id = o.queue_id
    cross join lateral (
        select i.ctid as row from queue_items_finished i
        where i.ctid = o.row and i.organization_id = o.organization_id and i.id = o.id
        for update skip locked
    ) i
),
gone as (
    delete from queue_items_finished i
    where i.ctid = any (array(select h.row from held h))
    returning i.organization_id, i.queue_id, i.status
),
counted as (
    insert into item_counters (organization_id, queue_id, completed, failed, cancelled)
    select m.organization_id, m.queue_id, -count(*) filter (where m.status = 'completed'), -count(*) filter (where m.status = 'failed'), -count(*) filter (where m.status = 'cancelled')
    from gone m
    group by m.organization_id, m.queue_id
)
select count(*) from gone

-- fairlead.engine.prune.PRUNE_PERIODS
delete from unique_periods p
where p.ctid = any (array(
    select o.ctid from unique_periods o
    where o.expires_at <= statement_timestamp()
    order by o.expires_at
    limit %(most)s
    for update skip locked))

-- fairlead.engine.prune.PRUNE_ANSWERS
delete from idempotency_keys k
where k.ctid = any (array(
    select o.ctid from idempotency_keys o
    where o.created_at <= statement_timestamp() - make_interval(secs => %(seconds)s)
    order by o.created_at
    limit %(most)s
    for update skip locked))
