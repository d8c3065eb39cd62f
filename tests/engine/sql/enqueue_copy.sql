-- fairlead.engine.enqueue_copy.TAKE_TIME
with limited as materialized (select current_setting('statement_timeout') as before)
select before, set_config('statement_timeout', '0', true) from limited

-- fairlead.engine.enqueue_copy.LIMIT_AGAIN
select set_config('statement_timeout', %(before)s, true)

-- fairlead.engine.enqueue_copy.EMPTY_BATCH
truncate pg_temp.fairlead_batch

-- fairlead.engine.enqueue_copy.DROP_BATCH
drop table if exists pg_temp.fairlead_batch

-- fairlead.engine.enqueue_copy.MAKE_BATCH
create temporary table fairlead_batch (item jsonb) on commit drop

-- fairlead.engine.enqueue_copy.COPY_BATCH
copy pg_temp.fairlead_batch (item) from stdin

-- fairlead.engine.enqueue_copy.ENQUEUE_BATCH
with queue as materialized (
    select q.id, q.organization_id, q.max_attempts
    from queues q
    where q.organization_id = %(organization_id)s and q.id = %(queue_id)s and q.deleted_at is null
        and (select count(*) from pg_temp.fairlead_batch) <= coalesce(%(room)s, 9223372036854775807)
    for key share
),
made as (
    insert into queue_items_live (
        id, organization_id, queue_id, payload, priority, max_attempts, scheduled_for, ready, blocked, task, tags, trace,
    ordering_key, unique_key, unique_while)
    select n.id, q.organization_id, q.id, n.payload, coalesce(n.priority, 0), coalesce(n.max_attempts, q.max_attempts),
    n.due, n.ordering_key is null and (n.due is null or n.due <= statement_timestamp()), n.ordering_key is not null,
    n.task, coalesce(n.tags, '{}'), n.trace, n.ordering_key, n.unique_key, n.unique_while
    from (
        select i.*, coalesce(i.scheduled_for, statement_timestamp() + make_interval(secs => i.delay_seconds)) as due
        from pg_temp.fairlead_batch b
        cross join lateral jsonb_to_record(b.item) as i (
            id text, payload jsonb, priority integer, max_attempts integer, scheduled_for timestamptz,
        delay_seconds double precision, task text, tags text[], trace text, ordering_key text, unique_key text,
        unique_while text, unique_seconds double precision)
    ) n
    cross join queue q
    returning organization_id, queue_id, ordering_key
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct organization_id, queue_id, ordering_key from made where ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting)
    select %(organization_id)s, %(queue_id)s, count(*) from made having count(*) > 0
)
select (select count(*) from queue), (select count(*) from made)
