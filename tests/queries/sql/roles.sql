-- fairlead.queries.roles.HAS_OWNER
select exists (
    select from user_roles m
    where m.organization_id = %(organization_id)s and m.role_scope = '*' and m.role_id = 'owner'
        and not exists (select from users u where u.id = m.user_id and u.deleted_at is not null)
)
