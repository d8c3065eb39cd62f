BEGIN;

-- Running upgrade 20261124_engine -> 20261125_engine_checks

set local lock_timeout = '3s';

set local role fairlead_owner;

alter table queue_items_live validate constraint queue_items_live_queue_fkey;

alter table queue_items validate constraint queue_items_ready_check;

alter table queue_items validate constraint queue_items_blocked_check;

alter table queue_items validate constraint queue_items_unique_while_check;

alter table queues validate constraint queues_backoff_policy_check;

alter table queues validate constraint queues_backoff_delays_check;

set local role fairlead_system;

with gone as (
    delete from item_counters
)
insert into item_counters (organization_id, queue_id, waiting, processing, completed, failed, cancelled)
select organization_id, queue_id, count(*) filter (where status = 'waiting'),
    count(*) filter (where status = 'processing'), count(*) filter (where status = 'completed'),
    count(*) filter (where status = 'failed'), count(*) filter (where status = 'cancelled')
from queue_items
group by organization_id, queue_id;

reset role;

UPDATE fairlead_migrations SET version_num='20261125_engine_checks' WHERE fairlead_migrations.version_num = '20261124_engine';

COMMIT;
