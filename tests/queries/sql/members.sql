-- fairlead.queries.members.MEMBER
select array_agg(distinct p.permission) filter (where p.permission is not null)
from user_roles m
join organizations o on o.id = m.organization_id and o.deleted_at is null
join users u on u.id = m.user_id and u.deleted_at is null
join roles r on r.owner_scope = m.role_scope and r.id = m.role_id
left join lateral unnest(r.permissions) as p (permission) on true
where m.organization_id = %(organization_id)s and m.user_id = %(user_id)s
group by m.user_id

-- fairlead.queries.members.MEMBERS
with found as (
    select u.id, u.email, u.name, u.image, min(m.created_at) as since
    from user_roles m
    join users u on u.id = m.user_id and u.deleted_at is null
    where m.organization_id = %(organization_id)s
    group by u.id
)
select c.total, f.*
from (select count(*) as total from found) c
left join lateral (
    select * from found order by since desc, id desc limit %(limit)s offset %(offset)s
) f on true
order by f.since desc, f.id desc

-- fairlead.queries.members.MEMBERS_LIKE
with found as (
    select u.id, u.email, u.name, u.image, min(m.created_at) as since
    from user_roles m
    join users u on u.id = m.user_id and u.deleted_at is null
    where m.organization_id = %(organization_id)s
        and strpos(u.search_text, lower(cast(%(search)s as text) collate "default") collate "C") > 0
    group by u.id
)
select c.total, f.*
from (select count(*) as total from found) c
left join lateral (
    select * from found order by since desc, id desc limit %(limit)s offset %(offset)s
) f on true
order by f.since desc, f.id desc

-- fairlead.queries.members.ONE_MEMBER
with found as (
    select u.id, u.email, u.name, u.image, min(m.created_at) as since
    from user_roles m
    join users u on u.id = m.user_id and u.deleted_at is null
    where m.organization_id = %(organization_id)s and m.user_id = %(user_id)s
    group by u.id
)
select * from found
