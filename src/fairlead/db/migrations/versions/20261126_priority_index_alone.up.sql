BEGIN;

-- Running upgrade 20261126_priority_index -> 20261126_priority_index_alone

set local lock_timeout = '3s';

set local role fairlead_owner;

drop index queue_items_queue_idx;

alter index queue_items_priority_idx rename to queue_items_queue_idx;

reset role;

UPDATE fairlead_migrations SET version_num='20261126_priority_index_alone' WHERE fairlead_migrations.version_num = '20261126_priority_index';

COMMIT;
