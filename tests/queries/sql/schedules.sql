-- fairlead.queries.schedules.NEXT_DUE
select extract(epoch from greatest(s.next_run_at, s.retry_at) - statement_timestamp())
from schedules s
where s.paused_at is null and s.next_run_at is not null
order by greatest(s.next_run_at, s.retry_at)
limit 1
