BEGIN;

-- Running upgrade 20261126_personal_idempotency -> 20261126_inviters_who_are_gone

set local lock_timeout = '3s';

set local role fairlead_owner;

alter table invitations drop constraint invitations_invited_by_fkey;

reset role;

UPDATE fairlead_migrations SET version_num='20261126_inviters_who_are_gone' WHERE fairlead_migrations.version_num = '20261126_personal_idempotency';

COMMIT;
