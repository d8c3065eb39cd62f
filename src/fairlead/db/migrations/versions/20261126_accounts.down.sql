BEGIN;

-- Running downgrade 20261126_accounts -> 20261126_idempotency_keys

COMMIT;

SET ROLE fairlead_owner;

SET lock_timeout = '3s';

-- squawk-ignore ban-drop-constraint
ALTER TABLE verifications DROP CONSTRAINT IF EXISTS verifications_user_id_not_empty,
    ADD CONSTRAINT verifications_user_id_not_empty CHECK (user_id IS NOT NULL)
    NOT VALID;

-- squawk-ignore ban-drop-constraint
ALTER TABLE verifications DROP CONSTRAINT IF EXISTS verifications_purpose_check,
    ADD CONSTRAINT verifications_purpose_check CHECK ((purpose = ANY (ARRAY['verify_email'::text, 'reset_password'::text])))
    NOT VALID;

SET lock_timeout = '0';

DROP INDEX CONCURRENTLY IF EXISTS verifications_email_idx;

ALTER TABLE verifications VALIDATE CONSTRAINT verifications_user_id_not_empty;

ALTER TABLE verifications VALIDATE CONSTRAINT verifications_purpose_check;

RESET lock_timeout;

RESET ROLE;

BEGIN;

SET LOCAL lock_timeout = '3s';

SET LOCAL ROLE fairlead_owner;

ALTER TABLE verifications DROP CONSTRAINT verifications_sign_up_check;

ALTER TABLE verifications DROP COLUMN secret_hash;

ALTER TABLE verifications DROP COLUMN organization_name;

ALTER TABLE verifications DROP COLUMN name;

ALTER TABLE verifications ALTER COLUMN user_id SET NOT NULL;

-- squawk-ignore ban-drop-constraint
ALTER TABLE verifications DROP CONSTRAINT verifications_user_id_not_empty;

DROP TABLE buckets;

DROP TABLE kept_mails;

DROP TABLE second_factors;

RESET ROLE;

UPDATE fairlead_migrations SET version_num='20261126_idempotency_keys' WHERE fairlead_migrations.version_num = '20261126_accounts';

COMMIT;
