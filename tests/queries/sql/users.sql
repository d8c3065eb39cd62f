-- fairlead.queries.users.PERMISSIONS
select distinct p.permission
from user_roles m
join organizations o on o.id = m.organization_id and o.deleted_at is null
join roles r on r.owner_scope = m.role_scope and r.id = m.role_id
cross join unnest(r.permissions) as p (permission)
where m.organization_id = %(organization_id)s and m.user_id = %(user_id)s
    and not exists (select from users u where u.id = m.user_id and u.deleted_at is not null)
