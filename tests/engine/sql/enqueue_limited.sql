-- fairlead.engine.enqueue_limited.TAKE_TURN
insert into depth_turns (organization_id, queue_id)
select %(organization_id)s, n.queue_id
from queues q
join organizations o on o.id = q.organization_id
cross join lateral (values ('', o.max_queue_depth), (q.id, q.max_depth)) n (queue_id, most)
where q.organization_id = %(organization_id)s and q.id = %(queue_id)s and q.deleted_at is null and n.most is not null
order by n.queue_id
on conflict (organization_id, queue_id) do update set turn = depth_turns.turn + 1

-- fairlead.engine.enqueue_limited.ROOM
select least(
    q.max_depth - (
        select coalesce(sum(c.waiting + c.processing), 0) from item_counters c
        where c.organization_id = q.organization_id and c.queue_id = q.id),
    case when o.max_queue_depth is not null then o.max_queue_depth - (
        select coalesce(sum(c.waiting + c.processing), 0) from item_counters c
        where c.organization_id = q.organization_id) end)
from queues q
join organizations o on o.id = q.organization_id
where q.organization_id = %(organization_id)s and q.id = %(queue_id)s and q.deleted_at is null

-- fairlead.engine.enqueue_limited.ENQUEUE_UNIQUE
with queue as materialized (
    select q.id, q.organization_id, q.max_attempts
    from queues q
    where q.organization_id = %(organization_id)s and q.id = %(queue_id)s and q.deleted_at is null
    for key share
),
new as materialized (
    select n.*, nextval('queue_items_seq') as seq
    from (
        select i.*, coalesce(i.scheduled_for, statement_timestamp() + make_interval(secs => i.delay_seconds)) as due
    from jsonb_to_recordset(%(items)s) as i (
        id text, payload jsonb, priority integer, max_attempts integer, scheduled_for timestamptz,
        delay_seconds double precision, task text, tags text[], trace text, ordering_key text, unique_key text,
        unique_while text, unique_seconds double precision)
    ) n
),
period as (
    insert into unique_periods (organization_id, queue_id, unique_key, item_id, expires_at)
    select q.organization_id, q.id, n.unique_key, n.id,
        statement_timestamp() + make_interval(secs => n.unique_seconds)
    from new n
    cross join queue q
    where n.unique_seconds is not null
    order by n.unique_key
    on conflict (organization_id, queue_id, unique_key) do update
        set item_id = excluded.item_id, expires_at = excluded.expires_at
        where unique_periods.expires_at <= statement_timestamp()
    returning item_id
),
made as (
    insert into queue_items_live (
        id, organization_id, queue_id, payload, priority, max_attempts, scheduled_for, ready, blocked, task, tags, trace,
    ordering_key, unique_key, unique_while, seq)
    select n.id, q.organization_id, q.id, n.payload, coalesce(n.priority, 0), coalesce(n.max_attempts, q.max_attempts),
    n.due, n.ordering_key is null and (n.due is null or n.due <= statement_timestamp()), n.ordering_key is not null,
    n.task, coalesce(n.tags, '{}'), n.trace, n.ordering_key, n.unique_key, n.unique_while, n.seq
    from (
        select n.* from new n
        where n.unique_seconds is null or n.id in (select p.item_id from period p)
        order by n.unique_key
    ) n
    cross join queue q
    on conflict (organization_id, queue_id, unique_key)
        where unique_while = 'active' or (unique_while = 'waiting' and claims = 0) do nothing
    returning id, organization_id, queue_id, ordering_key
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct organization_id, queue_id, ordering_key from made where ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting)
    select %(organization_id)s, %(queue_id)s, count(*) from made having count(*) > 0
)
select id from made

-- fairlead.engine.enqueue_limited.HOLDERS
select k.unique_key, i.id
from jsonb_array_elements_text(%(keys)s) k (unique_key)
cross join lateral (
    select i.id from queue_items_live i
    where i.organization_id = %(organization_id)s and i.queue_id = %(queue_id)s and i.unique_key = k.unique_key
        and (i.unique_while = 'active' or (i.unique_while = 'waiting' and i.claims = 0))
    union all
    select p.item_id
    from (
        select p.item_id, p.expires_at from unique_periods p
        where p.organization_id = %(organization_id)s and p.queue_id = %(queue_id)s and p.unique_key = k.unique_key
        limit 1
    ) p
    where p.expires_at > statement_timestamp()
    limit 1
) i
