"""What the whole engine needs: limits, unique and ordering keys, counters that are kept.

Expand only. Code of the last release goes on working beside the new: it writes none of the new columns, whose defaults
are what its items are; what it moves meanwhile is not counted, which the next revision mends when the last of it is
gone. Adding columns and constraints takes its lock for a moment (the constraints are checked in the next revision);
the new indexes are partial, empty at first, and built on the live leaf alone, which is read once for each (measured:
about a second for a million live items, while nobody enqueues or claims). `item_counters` was never used.

Revision: 20261124_engine, after 20261123_data_layer
"""

from __future__ import annotations

from alembic import op

revision = "20261124_engine"
down_revision = "20261123_data_layer"
branch_labels = None
depends_on = None

_UP = """
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
create index schedules_due_idx on schedules (greatest(next_run_at, retry_at)) where paused_at is null
"""

_SECURED = ("item_counters", "slots", "depth_turns", "ordering_turns", "unique_periods")
_SECURITY = """
alter table {table} enable row level security;
alter table {table} force row level security;
grant select, insert, update, delete on {table} to fairlead_system;
create policy {table}_system on {table} to fairlead_system using (true) with check (true);
grant select, insert, update, delete on {table} to fairlead_app;
create policy {table}_tenant on {table} to fairlead_app
    using (organization_id = nullif(current_setting('fairlead.organization_id', true), ''))
    with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''))
"""

# Blocked items become ready at once: the last release knows no ordering keys.
_DOWN = """
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
alter table queue_items add constraint queue_items_ready_check check (ready or scheduled_for is not null)
"""


def upgrade() -> None:
    """Expand."""
    _run(_UP, *(_SECURITY.replace("{table}", table) for table in _SECURED))


def downgrade() -> None:
    """Undo the upgrade."""
    _run(_DOWN, _SECURITY.replace("{table}", "item_counters"))


def _run(*scripts: str) -> None:
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    for script in scripts:
        for statement in script.split(";\n"):
            op.execute(statement)
    op.execute("reset role")
