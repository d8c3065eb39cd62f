-- fairlead.queries.sessions.HOLDER
select s.id, s.user_id, s.last_seen_at < statement_timestamp() - interval '10 minutes'
from sessions s
join users u on u.id = s.user_id and u.deleted_at is null
where s.token_hash = %(token_hash)s and s.revoked_at is null
    and s.idle_expires_at > statement_timestamp() and s.expires_at > statement_timestamp()
