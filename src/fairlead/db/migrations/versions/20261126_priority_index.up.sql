BEGIN;

-- Running upgrade 20261126_reader -> 20261126_priority_index

set local lock_timeout = '3s';

set local role fairlead_owner;

create index queue_items_priority_idx on queue_items_live (organization_id, queue_id, priority desc, seq) where status = 'waiting' and ready;

reset role;

UPDATE fairlead_migrations SET version_num='20261126_priority_index' WHERE fairlead_migrations.version_num = '20261126_reader';

COMMIT;
