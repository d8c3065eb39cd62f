BEGIN;

-- Running downgrade 20261126_inviters_who_are_gone -> 20261126_personal_idempotency

COMMIT;

set role fairlead_owner;

set lock_timeout = '3s';

-- squawk-ignore ban-drop-constraint
alter table invitations drop constraint if exists invitations_invited_by_fkey,
    add constraint invitations_invited_by_fkey foreign key(invited_by)
    references users (id) on delete set null
    not valid;

set role fairlead_system;

update invitations i
set invited_by = null, revoked_at = coalesce(i.revoked_at, i.accepted_at, now())
where i.invited_by is not null and not exists (select from users u where u.id = i.invited_by);

set role fairlead_owner;

set lock_timeout = '0';

alter table invitations validate constraint invitations_invited_by_fkey;

reset lock_timeout;

reset role;

BEGIN;

UPDATE fairlead_migrations SET version_num='20261126_personal_idempotency' WHERE fairlead_migrations.version_num = '20261126_inviters_who_are_gone';

COMMIT;
