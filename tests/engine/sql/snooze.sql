-- fairlead.engine.snooze.SNOOZE
with report as materialized (
    select distinct on (r.id, r.organization_id, r.claims) r.*
    from jsonb_to_recordset(%(reports)s) as r (
        organization_id text, queue_id text, id text, claims integer, delay_seconds double precision)
    order by r.id, r.organization_id, r.claims
),
held as materialized (
    select r.*, i.*
    from report r
    cross join lateral (
        select i.ctid as row, i.queue_id as of_queue, i.counted, i.ordering_key,
            i.attempts < i.max_attempts as attempts_left,
            i.status = 'processing' and i.claims = r.claims
                and i.lease_expires_at > statement_timestamp() and i.cancel_requested_at is null as current
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
        for update
    ) i
),
said as materialized (
    select jsonb_object_agg(h.organization_id || '/' || h.id, jsonb_build_object('delay_seconds', h.delay_seconds)) as of_item
    from held h
    where h.current
),
snoozed as (
    update queue_items_live i
    set status = 'waiting', attempts = i.attempts - 1,
        ready = cast((select s.of_item from said s) -> (i.organization_id || '/' || i.id) -> 'delay_seconds' as double precision) <= 0,
        scheduled_for = statement_timestamp() + make_interval(secs => cast((select s.of_item from said s) -> (i.organization_id || '/' || i.id) -> 'delay_seconds' as double precision)),
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null, counted = false
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.organization_id, i.id
),
left_off as materialized (
    select h.organization_id, h.of_queue as queue_id, h.counted
    from held h
    join snoozed r on r.organization_id = h.organization_id and r.id = h.id
    where h.current
),
freed as materialized (
    select l.organization_id, k.queue_id, count(*) as slots
    from left_off l
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
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, processing)
    select m.organization_id, m.queue_id, count(*), -count(*)
    from left_off m
    group by m.organization_id, m.queue_id
)
select h.organization_id, h.id, r.id is not null
from held h
left join snoozed r on r.organization_id = h.organization_id and r.id = h.id
where h.current
