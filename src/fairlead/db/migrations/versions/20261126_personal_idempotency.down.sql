BEGIN;

-- Running downgrade 20261126_personal_idempotency -> 20261126_tokens_taken

set local lock_timeout = '3s';

set local role fairlead_owner;

drop table personal_idempotency_keys;

reset role;

UPDATE fairlead_migrations SET version_num='20261126_tokens_taken' WHERE fairlead_migrations.version_num = '20261126_personal_idempotency';

COMMIT;
