-- fairlead.engine.reconcile.ONE_AT_A_TIME
select pg_advisory_xact_lock(4919111418901031126)

-- fairlead.engine.reconcile.COUNT_LATE
with working as materialized (
    select i.ctid as row, i.organization_id, i.queue_id, i.id
    from queue_items_live i
    where i.status = 'processing' and not i.counted and %(organization_id)s in ('', i.organization_id)
),
late as materialized (
    select i.row
    from (
        select w.row
        from working w
        join queues q on q.organization_id = w.organization_id and q.id = w.queue_id
        join organizations o on o.id = w.organization_id
        where num_nonnulls(q.max_concurrency, o.max_concurrency) > 0
        order by w.id
    ) w
    cross join lateral (
        select i.ctid as row, i.status = 'processing' and not i.counted as current
        from queue_items_live i
        where i.ctid = w.row
        for update skip locked
    ) i
    where i.current
),
counted as (
    update queue_items_live i set counted = true
    where i.ctid = any (array(select l.row from late l))
    returning i.organization_id, i.queue_id
),
added as materialized (
    select c.organization_id, k.queue_id, count(*) as slots
    from counted c
    cross join lateral (values (c.queue_id), ('')) k (queue_id)
    group by c.organization_id, k.queue_id
)
insert into slots (organization_id, queue_id, taken)
select a.organization_id, a.queue_id, a.slots from added a order by a.organization_id, a.queue_id
on conflict (organization_id, queue_id) do update set taken = slots.taken + excluded.taken

-- fairlead.engine.reconcile.DIFFER
with held as materialized (
    select i.organization_id, i.queue_id, count(*) as slots
    from queue_items_live i
    where i.status = 'processing' and i.counted
    group by i.organization_id, i.queue_id
),
leased as materialized (
    select organization_id, queue_id, slots from held
    union all
    select organization_id, '', sum(slots)::bigint from held group by organization_id
),
drift as materialized (
    select s.organization_id, s.queue_id, coalesce(l.slots, 0) - s.taken as difference
    from slots s
    left join leased l on l.organization_id = s.organization_id and l.queue_id = s.queue_id
    where s.taken <> coalesce(l.slots, 0)
),
uncounted as materialized (
    select i.organization_id, i.queue_id
    from queue_items_live i
    where i.status = 'processing' and not i.counted
)
select exists (select from drift) or exists (
    select from uncounted u
    join queues q on q.organization_id = u.organization_id and q.id = u.queue_id
    join organizations o on o.id = u.organization_id
    where num_nonnulls(q.max_concurrency, o.max_concurrency) > 0
)

-- fairlead.engine.reconcile.CORRECT
with held as materialized (
    select i.organization_id, i.queue_id, count(*) as slots
    from queue_items_live i
    where i.status = 'processing' and i.counted
    group by i.organization_id, i.queue_id
),
leased as materialized (
    select organization_id, queue_id, slots from held
    union all
    select organization_id, '', sum(slots)::bigint from held group by organization_id
),
drift as materialized (
    select s.organization_id, s.queue_id, coalesce(l.slots, 0) - s.taken as difference
    from slots s
    left join leased l on l.organization_id = s.organization_id and l.queue_id = s.queue_id
    where s.taken <> coalesce(l.slots, 0)
),
locked as materialized (
    select d.*
    from (select * from drift order by organization_id, queue_id) d
    cross join lateral (
        select from slots s where s.organization_id = d.organization_id and s.queue_id = d.queue_id for update
    ) s
)
update slots s set taken = s.taken + l.difference
from locked l
where s.organization_id = l.organization_id and s.queue_id = l.queue_id
returning s.organization_id, s.queue_id, l.difference

-- fairlead.engine.reconcile.CORRECT_BESIDE
with held as materialized (
    select i.organization_id, i.queue_id, count(*) as slots
    from queue_items_live i
    where i.status = 'processing' and i.counted
    group by i.organization_id, i.queue_id
),
leased as materialized (
    select organization_id, queue_id, slots from held
    union all
    select organization_id, '', sum(slots)::bigint from held group by organization_id
),
drift as materialized (
    select s.organization_id, s.queue_id, coalesce(l.slots, 0) - s.taken as difference
    from slots s
    left join leased l on l.organization_id = s.organization_id and l.queue_id = s.queue_id
    where s.taken <> coalesce(l.slots, 0)
),
locked as materialized (
    select d.*
    from (select * from drift order by organization_id, queue_id) d
    cross join lateral (
        select from slots s where s.organization_id = d.organization_id and s.queue_id = d.queue_id for update skip locked
    ) s
)
update slots s set taken = s.taken + l.difference
from locked l
where s.organization_id = l.organization_id and s.queue_id = l.queue_id
returning s.organization_id, s.queue_id, l.difference
