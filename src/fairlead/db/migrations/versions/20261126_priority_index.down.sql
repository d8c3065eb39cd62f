BEGIN;

-- Running downgrade 20261126_priority_index -> 20261126_reader

set local lock_timeout = '3s';

set local role fairlead_owner;

drop index queue_items_priority_idx;

reset role;

UPDATE fairlead_migrations SET version_num='20261126_reader' WHERE fairlead_migrations.version_num = '20261126_priority_index';

COMMIT;
