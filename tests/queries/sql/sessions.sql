-- fairlead.queries.sessions.HOLDER
select s.id, s.user_id
from sessions s
join users u on u.id = s.user_id and u.deleted_at is null
where s.token_hash = %(token_hash)s and s.revoked_at is null
    and s.idle_expires_at > statement_timestamp() and s.expires_at > statement_timestamp()
