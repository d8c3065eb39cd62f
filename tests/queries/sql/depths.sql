-- fairlead.queries.depths.DEPTH
select q.id, q.name, c.*, statement_timestamp(), o.id, o.since
from queues q
cross join lateral (
    select coalesce(sum(c.waiting), 0)::bigint, coalesce(sum(c.processing), 0)::bigint,
        coalesce(sum(c.completed), 0)::bigint, coalesce(sum(c.failed), 0)::bigint,
        coalesce(sum(c.cancelled), 0)::bigint
    from item_counters c
    where c.organization_id = q.organization_id and c.queue_id = q.id
) c
left join lateral (
    with recursive first (priority, seq, id, since) as (
        (select i.priority, i.seq, i.id, coalesce(i.scheduled_for, i.created_at)
         from queue_items_live i
         where i.organization_id = q.organization_id and i.queue_id = q.id and i.status = 'waiting' and i.ready
         order by i.priority desc, i.seq
         limit 1)
        union all
        select n.*
        from first f
        cross join lateral (
            select i.priority, i.seq, i.id, coalesce(i.scheduled_for, i.created_at)
            from queue_items_live i
            where i.organization_id = q.organization_id and i.queue_id = q.id and i.status = 'waiting' and i.ready and i.priority < f.priority
            order by i.priority desc, i.seq
            limit 1
        ) n
    )
    select f.id, f.since from first f order by f.seq limit 1
) o on true
where q.organization_id = %(organization_id)s and q.deleted_at is null and q.id = %(queue_id)s
order by q.name

-- fairlead.queries.depths.DEPTHS
select q.id, q.name, c.*, statement_timestamp(), o.id, o.since
from queues q
cross join lateral (
    select coalesce(sum(c.waiting), 0)::bigint, coalesce(sum(c.processing), 0)::bigint,
        coalesce(sum(c.completed), 0)::bigint, coalesce(sum(c.failed), 0)::bigint,
        coalesce(sum(c.cancelled), 0)::bigint
    from item_counters c
    where c.organization_id = q.organization_id and c.queue_id = q.id
) c
left join lateral (
    with recursive first (priority, seq, id, since) as (
        (select i.priority, i.seq, i.id, coalesce(i.scheduled_for, i.created_at)
         from queue_items_live i
         where i.organization_id = q.organization_id and i.queue_id = q.id and i.status = 'waiting' and i.ready
         order by i.priority desc, i.seq
         limit 1)
        union all
        select n.*
        from first f
        cross join lateral (
            select i.priority, i.seq, i.id, coalesce(i.scheduled_for, i.created_at)
            from queue_items_live i
            where i.organization_id = q.organization_id and i.queue_id = q.id and i.status = 'waiting' and i.ready and i.priority < f.priority
            order by i.priority desc, i.seq
            limit 1
        ) n
    )
    select f.id, f.since from first f order by f.seq limit 1
) o on true
where q.organization_id = %(organization_id)s and q.deleted_at is null
order by q.name

-- fairlead.queries.depths.QUEUE_KEYS
select q.organization_id, q.id, o.slug, q.name
from queues q
join organizations o on o.id = q.organization_id
where o.slug = any (%(slugs)s) or cardinality(cast(%(slugs)s as text[])) = 0
order by o.slug, q.name, q.id
