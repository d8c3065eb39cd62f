BEGIN;

-- Running downgrade 20261126_priority_index_alone -> 20261126_priority_index

set local lock_timeout = '3s';

set local role fairlead_owner;

alter index queue_items_queue_idx rename to queue_items_priority_idx;

create index queue_items_queue_idx on queue_items_live (organization_id, queue_id, (-priority), seq) where status = 'waiting' and ready;

reset role;

UPDATE fairlead_migrations SET version_num='20261126_priority_index' WHERE fairlead_migrations.version_num = '20261126_priority_index_alone';

COMMIT;
