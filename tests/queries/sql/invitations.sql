-- fairlead.queries.invitations.OFFER_BY_TOKEN
select i.id, i.organization_id, i.role_id, i.email, o.name, r.name, coalesce(u.name, 'Somebody'), i.expires_at
from invitations i
join organizations o on o.id = i.organization_id and o.deleted_at is null
join roles r on r.owner_scope = i.role_scope and r.id = i.role_id
left join users u on u.id = i.invited_by and u.deleted_at is null
where i.token_hash = %(token_hash)s and i.accepted_at is null and i.revoked_at is null and i.expires_at > statement_timestamp()

-- fairlead.queries.invitations.OFFER
select i.id, i.organization_id, i.role_id, i.email, o.name, r.name, coalesce(u.name, 'Somebody'), i.expires_at
from invitations i
join organizations o on o.id = i.organization_id and o.deleted_at is null
join roles r on r.owner_scope = i.role_scope and r.id = i.role_id
left join users u on u.id = i.invited_by and u.deleted_at is null
where i.organization_id = %(organization_id)s and i.id = %(invitation_id)s and i.accepted_at is null and i.revoked_at is null and i.expires_at > statement_timestamp()
