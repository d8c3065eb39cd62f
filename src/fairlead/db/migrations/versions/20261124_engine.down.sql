BEGIN;

-- Running downgrade 20261124_engine -> 20261123_data_layer

set local lock_timeout = '3s';

set local role fairlead_owner;

drop table duties;

drop index schedules_due_idx;

create index schedules_due_idx on schedules (next_run_at) where paused_at is null;

alter table schedules drop constraint schedules_catch_up_limit_check;

alter table schedules drop column error_message, drop column retry_at;

drop table unique_periods;

drop table ordering_turns;

drop table depth_turns;

drop table slots;

drop table item_counters;

create table item_counters (
    id bigint generated always as identity,
    organization_id text collate "C" not null,
    queue_id text collate "C" not null,
    status queue_item_status not null,
    change bigint not null,
    constraint item_counters_pkey primary key (id),
    constraint item_counters_organization_id_queue_id_fkey
        foreign key (organization_id, queue_id) references queues (organization_id, id) on delete cascade
);

create index item_counters_queue_idx on item_counters (organization_id, queue_id);

set local role fairlead_system;

update queues set backoff_policy = 'exponential' where backoff_policy = 'list';

update queue_items set blocked = false, ready = true where blocked;

set local role fairlead_owner;

set local role fairlead_system;

delete from queue_items i
where not exists (select from queues q where q.organization_id = i.organization_id and q.id = i.queue_id);

set local role fairlead_owner;

alter table queue_items_live drop constraint queue_items_live_queue_fkey;

alter table queue_items add constraint queue_items_organization_id_queue_id_fkey
foreign key (organization_id, queue_id) references queues (organization_id, id) on delete cascade;

drop index queue_items_blocked_idx;

drop index queue_items_turn_idx;

drop index queue_items_unique_idx;

drop index queue_items_scheduled_idx;

alter table queue_items drop constraint queue_items_unique_while_check;

alter table queue_items drop constraint queue_items_blocked_check;

alter table queue_items drop constraint queue_items_ready_check;

alter table queues drop constraint queues_backoff_policy_check;

alter table queues drop column backoff_delays;

alter table queues add constraint queues_backoff_policy_check
check (backoff_policy in ('exponential', 'linear', 'fixed'));

alter table queue_items drop column counted, drop column blocked, drop column unique_while;

create index queue_items_scheduled_idx on queue_items_live (scheduled_for) where status = 'waiting' and not ready;

alter table queue_items add constraint queue_items_ready_check check (ready or scheduled_for is not null);

alter table item_counters enable row level security;

alter table item_counters force row level security;

grant select, insert, update, delete on item_counters to fairlead_system;

create policy item_counters_system on item_counters to fairlead_system using (true) with check (true);

grant select, insert, update, delete on item_counters to fairlead_app;

create policy item_counters_tenant on item_counters to fairlead_app
using (organization_id = nullif(current_setting('fairlead.organization_id', true), ''))
with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

reset role;

UPDATE fairlead_migrations SET version_num='20261123_data_layer' WHERE fairlead_migrations.version_num = '20261124_engine';

COMMIT;
