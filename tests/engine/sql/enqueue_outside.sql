-- fairlead.engine.enqueue_outside.JUDGE
with entered as materialized (
    select i.id
    from jsonb_array_elements_text(%(ids)s) n (id)
    cross join lateral (
        select i.id from queue_items_live i where i.organization_id = %(organization_id)s and i.id = n.id limit 1
    ) i
)
select set_config('fairlead.enqueued', case
    when not exists (
        select from queues q
        where q.organization_id = %(organization_id)s and q.id = %(queue_id)s and q.deleted_at is null
    ) then 'nowhere'
    when exists (
        select from jsonb_array_elements_text(%(ids)s) n (id)
        cross join lateral (
            select from queue_items i
            where i.organization_id = %(organization_id)s and i.id = n.id and i.finished_at < 'infinity'
            order by i.finished_at
            limit 1
        ) i
    ) then 'again'
    when exists (select from entered) and (select least(
    q.max_depth - (
        select coalesce(sum(c.waiting + c.processing), 0) from item_counters c
        where c.organization_id = q.organization_id and c.queue_id = q.id),
    case when o.max_queue_depth is not null then o.max_queue_depth - (
        select coalesce(sum(c.waiting + c.processing), 0) from item_counters c
        where c.organization_id = q.organization_id) end)
from queues q
join organizations o on o.id = q.organization_id
where q.organization_id = %(organization_id)s and q.id = %(queue_id)s and q.deleted_at is null) < 0 then 'too many'
    when exists (
        select from jsonb_array_elements_text(%(insisted)s) n (id) where n.id not in (select e.id from entered e)
    ) then 'not unique'
    else 'entered' end, true)

-- fairlead.engine.enqueue_outside.INSIST
do $$ begin
    case current_setting('fairlead.enqueued', true)
        when 'entered' then null;
        when 'nowhere' then raise exception 'This organization has no such queue.' using errcode = 'FL404';
        when 'again' then raise exception 'These items have been enqueued before.' using errcode = 'FL409';
        when 'too many' then raise exception 'The queue has no room for these items.' using errcode = 'FL429';
        else raise exception 'An item with this unique key is there already.' using errcode = 'FL409';
    end case;
end $$
