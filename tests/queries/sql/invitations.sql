-- fairlead.queries.invitations.OFFER_BY_TOKEN
select i.id, i.organization_id, i.role_id, i.email, o.name, r.name, coalesce(u.name, 'Somebody'), i.expires_at
from invitations i
join organizations o on o.id = i.organization_id and o.deleted_at is null
join roles r on r.owner_scope = i.role_scope and r.id = i.role_id
left join users u on u.id = i.invited_by and u.deleted_at is null
where i.token_hash = %(token_hash)s and i.accepted_at is null and i.revoked_at is null and i.expires_at > statement_timestamp()
    and (i.invited_by is null or r.permissions || cast(%(needed)s as text) <@ (
        select array_agg(p.permission)
        from user_roles g
        join roles h on h.owner_scope = g.role_scope and h.id = g.role_id
        cross join unnest(h.permissions) as p (permission)
        where g.organization_id = i.organization_id and g.user_id = u.id
    ))

-- fairlead.queries.invitations.OFFER
select i.id, i.organization_id, i.role_id, i.email, o.name, r.name, coalesce(u.name, 'Somebody'), i.expires_at
from invitations i
join organizations o on o.id = i.organization_id and o.deleted_at is null
join roles r on r.owner_scope = i.role_scope and r.id = i.role_id
left join users u on u.id = i.invited_by and u.deleted_at is null
where i.organization_id = %(organization_id)s and i.id = %(invitation_id)s and i.accepted_at is null and i.revoked_at is null and i.expires_at > statement_timestamp()
    and (i.invited_by is null or r.permissions || cast(%(needed)s as text) <@ (
        select array_agg(p.permission)
        from user_roles g
        join roles h on h.owner_scope = g.role_scope and h.id = g.role_id
        cross join unnest(h.permissions) as p (permission)
        where g.organization_id = i.organization_id and g.user_id = u.id
    ))
