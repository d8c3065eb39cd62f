BEGIN;

-- Running downgrade 20261126_cancel_requests -> 20261126_priority_index_alone

set local lock_timeout = '3s';

set local role fairlead_owner;

alter table queue_items drop column cancel_requested_at;

reset role;

UPDATE fairlead_migrations SET version_num='20261126_priority_index_alone' WHERE fairlead_migrations.version_num = '20261126_cancel_requests';

COMMIT;
