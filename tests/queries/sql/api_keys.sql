-- fairlead.queries.api_keys.HOLDER
select k.key_hash, k.id, k.organization_id, k.user_id, k.scopes, granted.permissions, k.queue_ids
from api_keys k
join users u on u.id = k.user_id and u.deleted_at is null
join organizations o on o.id = k.organization_id and o.deleted_at is null
cross join lateral (
    select array_agg(distinct p.permission) as permissions
    from user_roles m
    join roles r on r.owner_scope = m.role_scope and r.id = m.role_id
    cross join unnest(r.permissions) as p (permission)
    where m.organization_id = k.organization_id and m.user_id = k.user_id
) granted
where k.key_hash = any (%(key_hashes)s) and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > statement_timestamp())
    and granted.permissions is not null
