BEGIN;

-- Running upgrade 20261126_accounts -> 20261126_tokens_taken

SET LOCAL lock_timeout = '3s';

SET LOCAL ROLE fairlead_owner;

ALTER TABLE buckets ADD COLUMN taken INTEGER DEFAULT 0 NOT NULL;

RESET ROLE;

UPDATE fairlead_migrations SET version_num='20261126_tokens_taken' WHERE fairlead_migrations.version_num = '20261126_accounts';

COMMIT;
