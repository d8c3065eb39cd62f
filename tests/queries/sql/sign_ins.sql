-- fairlead.queries.sign_ins.BY_EMAIL
select u.id, u.email, c.secret_hash,
    exists (select from sessions s where s.user_id = u.id and s.address = %(address)s)
from users u
left join credentials c on c.provider = 'password' and c.account_id = u.id
where u.email = %(email)s and u.deleted_at is null

-- fairlead.queries.sign_ins.BY_ID
select u.id, u.email, c.secret_hash,
    exists (select from sessions s where s.user_id = u.id and s.address = %(address)s)
from users u
left join credentials c on c.provider = 'password' and c.account_id = u.id
where u.id = %(user_id)s and u.deleted_at is null
