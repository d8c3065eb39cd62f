-- fairlead.queries.queues.CLAIM_RULES
select q.lease_seconds, q.paused_at is not null and (q.resume_at is null or q.resume_at > statement_timestamp())
from queues q
where q.organization_id = %(organization_id)s and q.id = %(queue_id)s and q.deleted_at is null
