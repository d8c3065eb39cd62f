-- fairlead.engine.schedule.DUE
select s.organization_id, s.queue_id, s.id, s.cron, s.time_zone, s.task, s.payload, s.priority, s.missed_runs,
    s.catch_up_limit, s.next_run_at, q.deleted_at is not null or o.deleted_at is not null, statement_timestamp()
from schedules s
join queues q on q.organization_id = s.organization_id and q.id = s.queue_id
join organizations o on o.id = s.organization_id
where s.paused_at is null and greatest(s.next_run_at, s.retry_at) <= statement_timestamp()
    and s.next_run_at is not null
order by greatest(s.next_run_at, s.retry_at)
limit %(most)s
for no key update of s skip locked
for key share of q, o skip locked

-- fairlead.engine.schedule.GO_ON
update schedules s
set next_run_at = n.next_run_at, last_run_at = coalesce(n.last_run_at, s.last_run_at), error_message = n.error_message,
    retry_at = case when n.retry_seconds is not null
        then statement_timestamp() + make_interval(secs => n.retry_seconds) end
from jsonb_to_recordset(%(schedules)s) as n (
    organization_id text, id text, next_run_at timestamptz, last_run_at timestamptz, error_message text,
    retry_seconds double precision)
where s.organization_id = n.organization_id and s.id = n.id
