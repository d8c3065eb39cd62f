BEGIN;

-- Running downgrade 20261126_idempotency_keys -> 20261126_cancel_requests

SET LOCAL lock_timeout = '3s';

SET LOCAL ROLE fairlead_owner;

DROP TABLE idempotency_keys;

RESET ROLE;

UPDATE fairlead_migrations SET version_num='20261126_cancel_requests' WHERE fairlead_migrations.version_num = '20261126_idempotency_keys';

COMMIT;
