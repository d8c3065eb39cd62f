-- fairlead.queries.workers.WORKERS
select i.worker_id, count(*), array_agg(distinct i.queue_id order by i.queue_id),
    min(i.started_at), min(i.lease_expires_at), max(i.lease_expires_at)
from queue_items_live i
where i.organization_id = %(organization_id)s and i.status = 'processing' and i.worker_id is not null
    and i.lease_expires_at > statement_timestamp()
    and (cast(%(queue_ids)s as text[]) is null or i.queue_id = any (%(queue_ids)s))
group by i.worker_id
order by i.worker_id
limit %(most)s
