-- fairlead.queries.usage.USAGE
select
    (select count(distinct m.user_id) from user_roles m where m.organization_id = %(organization_id)s),
    (select count(*) from queues q where q.organization_id = %(organization_id)s and q.deleted_at is null),
    (select count(*) from schedules s where s.organization_id = %(organization_id)s),
    (select count(*) from api_keys k
     where k.organization_id = %(organization_id)s and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > statement_timestamp())),
    coalesce(sum(c.waiting), 0)::bigint, coalesce(sum(c.processing), 0)::bigint,
    coalesce(sum(c.completed), 0)::bigint, coalesce(sum(c.failed), 0)::bigint,
    coalesce(sum(c.cancelled), 0)::bigint
from item_counters c
where c.organization_id = %(organization_id)s
