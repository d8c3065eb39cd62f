BEGIN;

-- Running upgrade 20261126_priority_index_alone -> 20261126_cancel_requests

set local lock_timeout = '3s';

set local role fairlead_owner;

alter table queue_items add column cancel_requested_at timestamptz;

reset role;

UPDATE fairlead_migrations SET version_num='20261126_cancel_requests' WHERE fairlead_migrations.version_num = '20261126_priority_index_alone';

COMMIT;
