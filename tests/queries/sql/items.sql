-- fairlead.queries.items.ITEMS
select i.id, i.queue_id, i.payload, i.status, i.priority, i.attempts, i.max_attempts, i.error_message, i.errors, i.result, i.progress, i.task, i.tags, i.scheduled_for, i.started_at, i.completed_at, nullif(i.finished_at, 'infinity'), i.created_at, i.cancel_requested_at, i.unique_key, i.ordering_key, i.worker_id
from unnest(cast(%(ids)s as text[])) as r (id)
cross join lateral (
    (
        select i.* from queue_items i
        where i.organization_id = %(organization_id)s and i.id = r.id and i.finished_at = 'infinity'
    )
    union all
    (
        select i.* from queue_items i
        where i.organization_id = %(organization_id)s and i.id = r.id and i.finished_at < 'infinity'
        order by i.finished_at
        limit 1
    )
    limit 1
) i
where cast(%(deleted)s as boolean) or (
    select q.deleted_at is null from queues q where q.organization_id = i.organization_id and q.id = i.queue_id)

-- fairlead.queries.items.OUTCOME_RULES
select i.id, i.queue_id, i.attempts, q.lease_seconds,
    q.backoff_policy, q.backoff_base_seconds, q.backoff_factor, q.backoff_cap_seconds, q.backoff_jitter,
    q.backoff_delays
from unnest(cast(%(ids)s as text[])) as r (id)
cross join lateral (
    (
        select i.* from queue_items i
        where i.organization_id = %(organization_id)s and i.id = r.id and i.finished_at = 'infinity'
    )
    union all
    (
        select i.* from queue_items i
        where i.organization_id = %(organization_id)s and i.id = r.id and i.finished_at < 'infinity'
        order by i.finished_at
        limit 1
    )
    limit 1
) i
cross join lateral (
    select q.* from queues q
    where q.organization_id = i.organization_id and q.id = i.queue_id
    order by q.id
    limit 1
) q
