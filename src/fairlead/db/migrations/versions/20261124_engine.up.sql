BEGIN;

-- Running upgrade 20261123_data_layer -> 20261124_engine

set local lock_timeout = '3s';

set local role fairlead_owner;

alter table queue_items add column unique_while text collate "C";

alter table queue_items add column blocked boolean not null default false;

alter table queue_items add column counted boolean not null default false;

alter table queue_items drop constraint queue_items_ready_check;

alter table queue_items add constraint queue_items_ready_check
check (ready or blocked or scheduled_for is not null) not valid;

alter table queue_items add constraint queue_items_blocked_check
check (not blocked or (ordering_key is not null and not ready)) not valid;

alter table queue_items add constraint queue_items_unique_while_check
check (unique_while is null or (unique_while in ('waiting', 'active') and unique_key is not null)) not valid;

alter table queues add column backoff_delays double precision[] not null default '{}';

alter table queues drop constraint queues_backoff_policy_check;

alter table queues add constraint queues_backoff_policy_check
check (backoff_policy in ('exponential', 'linear', 'fixed', 'list')) not valid;

alter table queues add constraint queues_backoff_delays_check
check ((backoff_policy <> 'list' or cardinality(backoff_delays) > 0) and 0 <= all (backoff_delays)) not valid;

alter table queue_items drop constraint queue_items_organization_id_queue_id_fkey;

alter table queue_items_live add constraint queue_items_live_queue_fkey foreign key (organization_id, queue_id)
references queues (organization_id, id) on delete cascade not valid;

drop index queue_items_scheduled_idx;

create index queue_items_scheduled_idx on queue_items_live (scheduled_for)
where status = 'waiting' and not ready and not blocked;

create unique index queue_items_unique_idx on queue_items_live (organization_id, queue_id, unique_key)
where unique_while = 'active' or (unique_while = 'waiting' and claims = 0);

create unique index queue_items_turn_idx on queue_items_live (organization_id, queue_id, ordering_key)
where ordering_key is not null and not blocked;

create index queue_items_blocked_idx on queue_items_live (organization_id, queue_id, ordering_key, seq) where blocked;

drop table item_counters;

create table item_counters (
    id bigint generated always as identity,
    organization_id text collate "C" not null,
    queue_id text collate "C" not null,
    waiting bigint not null default 0,
    processing bigint not null default 0,
    completed bigint not null default 0,
    failed bigint not null default 0,
    cancelled bigint not null default 0,
    constraint item_counters_pkey primary key (id)
);

create index item_counters_queue_idx on item_counters (organization_id, queue_id);

alter table item_counters set (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0);

create table slots (
    organization_id text collate "C" not null,
    queue_id text collate "C" not null,
    taken bigint not null default 0,
    rate_slice bigint not null default 0,
    rate_started integer[] not null default '{}',
    constraint slots_pkey primary key (organization_id, queue_id),
    constraint slots_organization_id_fkey foreign key (organization_id) references organizations (id) on delete cascade
);

alter table slots set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000,
autovacuum_vacuum_cost_delay = 0);

create table depth_turns (
    organization_id text collate "C" not null,
    queue_id text collate "C" not null,
    turn bigint not null default 0,
    constraint depth_turns_pkey primary key (organization_id, queue_id),
    constraint depth_turns_organization_id_fkey
        foreign key (organization_id) references organizations (id) on delete cascade
);

alter table depth_turns set (fillfactor = 50);

create table ordering_turns (
    id bigint generated always as identity,
    organization_id text collate "C" not null,
    queue_id text collate "C" not null,
    ordering_key text collate "C" not null,
    constraint ordering_turns_pkey primary key (id)
);

create table unique_periods (
    organization_id text collate "C" not null,
    queue_id text collate "C" not null,
    unique_key text collate "C" not null,
    item_id text collate "C" not null,
    expires_at timestamptz not null,
    constraint unique_periods_pkey primary key (organization_id, queue_id, unique_key),
    constraint unique_periods_organization_id_queue_id_fkey
        foreign key (organization_id, queue_id) references queues (organization_id, id) on delete cascade
);

create index unique_periods_expires_idx on unique_periods (expires_at);

create table duties (
    name text collate "C" not null,
    due_at timestamptz not null,
    constraint duties_pkey primary key (name)
);

alter table duties enable row level security;

alter table duties force row level security;

grant select, insert, update, delete on duties to fairlead_system;

create policy duties_system on duties to fairlead_system using (true) with check (true);

alter table schedules add column retry_at timestamptz;

alter table schedules add column error_message text;

alter table schedules add constraint schedules_catch_up_limit_check check (catch_up_limit >= 1);

drop index schedules_due_idx;

create index schedules_due_idx on schedules (greatest(next_run_at, retry_at)) where paused_at is null;

alter table item_counters enable row level security;

alter table item_counters force row level security;

grant select, insert, update, delete on item_counters to fairlead_system;

create policy item_counters_system on item_counters to fairlead_system using (true) with check (true);

grant select, insert, update, delete on item_counters to fairlead_app;

create policy item_counters_tenant on item_counters to fairlead_app
using (organization_id = nullif(current_setting('fairlead.organization_id', true), ''))
with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

alter table slots enable row level security;

alter table slots force row level security;

grant select, insert, update, delete on slots to fairlead_system;

create policy slots_system on slots to fairlead_system using (true) with check (true);

grant select, insert, update, delete on slots to fairlead_app;

create policy slots_tenant on slots to fairlead_app
using (organization_id = nullif(current_setting('fairlead.organization_id', true), ''))
with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

alter table depth_turns enable row level security;

alter table depth_turns force row level security;

grant select, insert, update, delete on depth_turns to fairlead_system;

create policy depth_turns_system on depth_turns to fairlead_system using (true) with check (true);

grant select, insert, update, delete on depth_turns to fairlead_app;

create policy depth_turns_tenant on depth_turns to fairlead_app
using (organization_id = nullif(current_setting('fairlead.organization_id', true), ''))
with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

alter table ordering_turns enable row level security;

alter table ordering_turns force row level security;

grant select, insert, update, delete on ordering_turns to fairlead_system;

create policy ordering_turns_system on ordering_turns to fairlead_system using (true) with check (true);

grant select, insert, update, delete on ordering_turns to fairlead_app;

create policy ordering_turns_tenant on ordering_turns to fairlead_app
using (organization_id = nullif(current_setting('fairlead.organization_id', true), ''))
with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

alter table unique_periods enable row level security;

alter table unique_periods force row level security;

grant select, insert, update, delete on unique_periods to fairlead_system;

create policy unique_periods_system on unique_periods to fairlead_system using (true) with check (true);

grant select, insert, update, delete on unique_periods to fairlead_app;

create policy unique_periods_tenant on unique_periods to fairlead_app
using (organization_id = nullif(current_setting('fairlead.organization_id', true), ''))
with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

reset role;

UPDATE fairlead_migrations SET version_num='20261124_engine' WHERE fairlead_migrations.version_num = '20261123_data_layer';

COMMIT;
