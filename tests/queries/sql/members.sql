-- fairlead.queries.members.MEMBER
select array_agg(distinct p.permission) filter (where p.permission is not null)
from user_roles m
join organizations o on o.id = m.organization_id and o.deleted_at is null
join users u on u.id = m.user_id and u.deleted_at is null
join roles r on r.owner_scope = m.role_scope and r.id = m.role_id
left join lateral unnest(r.permissions) as p (permission) on true
where m.organization_id = %(organization_id)s and m.user_id = %(user_id)s
group by m.user_id
