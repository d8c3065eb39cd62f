BEGIN;

-- Running downgrade 20261126_tokens_taken -> 20261126_accounts

SET LOCAL lock_timeout = '3s';

SET LOCAL ROLE fairlead_owner;

ALTER TABLE buckets DROP COLUMN taken;

RESET ROLE;

UPDATE fairlead_migrations SET version_num='20261126_accounts' WHERE fairlead_migrations.version_num = '20261126_tokens_taken';

COMMIT;
