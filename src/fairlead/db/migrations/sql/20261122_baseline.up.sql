-- The schema of the first release. Statements are separated by blank lines.

-- Roles belong to the whole server, so another database's migration may have made them, even at this moment.
do $$ begin
    if not exists (select from pg_roles where rolname = 'fairlead_owner') then create role fairlead_owner nologin; end if;
    if not exists (select from pg_roles where rolname = 'fairlead_app') then create role fairlead_app nologin; end if;
    if not exists (select from pg_roles where rolname = 'fairlead_system') then create role fairlead_system nologin; end if;
exception when duplicate_object or unique_violation then
    null;
end $$;

do $$ begin
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant fairlead_owner, fairlead_app, fairlead_system to %I', current_user);
    end if;
end $$;

grant usage, create on schema public to fairlead_owner;

grant usage on schema public to fairlead_app, fairlead_system;

grant select on fairlead_migrations to fairlead_app, fairlead_system;

set local role fairlead_owner;

create type queue_item_status as enum ('waiting', 'processing', 'completed', 'failed', 'cancelled');

create table organizations (
    id text collate "C" not null,
    name text not null,
    slug text collate "C" not null,
    weight integer default 1 not null,
    max_queue_depth integer,
    max_concurrency integer,
    created_at timestamp with time zone default now() not null,
    updated_at timestamp with time zone default now() not null,
    deleted_at timestamp with time zone,
    constraint organizations_pkey primary key (id),
    constraint organizations_weight_check check (weight between 1 and 1000),
    constraint organizations_max_queue_depth_check check (max_queue_depth > 0),
    constraint organizations_max_concurrency_check check (max_concurrency > 0)
);

create unique index organizations_slug_idx on organizations (slug) where deleted_at is null;

alter table organizations enable row level security;

alter table organizations force row level security;

grant select, insert, update, delete on organizations to fairlead_system;

create policy organizations_system on organizations to fairlead_system using (true) with check (true);

grant select, insert, update, delete on organizations to fairlead_app;

create policy organizations_tenant on organizations to fairlead_app using (id = nullif(current_setting('fairlead.organization_id', true), '')) with check (id = nullif(current_setting('fairlead.organization_id', true), ''));

create table workers (
    id text collate "C" not null,
    host text not null,
    process_id integer not null,
    version text not null,
    queues text[] collate "C" default '{}' not null,
    concurrency integer not null,
    info jsonb default '{}' not null,
    started_at timestamp with time zone default now() not null,
    seen_at timestamp with time zone default now() not null,
    stopped_at timestamp with time zone,
    constraint workers_pkey primary key (id)
);

alter table workers enable row level security;

alter table workers force row level security;

grant select, insert, update, delete on workers to fairlead_system;

create policy workers_system on workers to fairlead_system using (true) with check (true);

create table audit_events (
    id text collate "C" not null,
    organization_id text collate "C" not null,
    actor_kind text collate "C" not null,
    actor_id text collate "C",
    action text collate "C" not null,
    subject_kind text collate "C" not null,
    subject_id text collate "C" not null,
    before jsonb,
    after jsonb,
    request_id text,
    created_at timestamp with time zone default now() not null,
    constraint audit_events_pkey primary key (id),
    constraint audit_events_actor_kind_check check (actor_kind in ('user', 'api_key', 'operator', 'system')),
    constraint audit_events_organization_id_fkey foreign key(organization_id) references organizations (id) on delete cascade
);

create index audit_events_org_idx on audit_events (organization_id, created_at desc, id desc);

alter table audit_events enable row level security;

alter table audit_events force row level security;

grant select, insert, update, delete on audit_events to fairlead_system;

create policy audit_events_system on audit_events to fairlead_system using (true) with check (true);

grant select, insert on audit_events to fairlead_app;

create policy audit_events_tenant on audit_events to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

create table roles (
    id text collate "C" not null,
    organization_id text collate "C",
    owner_scope text collate "C" generated always as (coalesce(organization_id, '*')) stored not null,
    name text collate "C" not null,
    description text,
    permissions text[] collate "C" default '{}' not null,
    created_at timestamp with time zone default now() not null,
    updated_at timestamp with time zone default now() not null,
    constraint roles_pkey primary key (id),
    constraint roles_owner_scope_id_key unique (owner_scope, id),
    constraint roles_organization_id_fkey foreign key(organization_id) references organizations (id) on delete cascade
);

create unique index roles_name_idx on roles (owner_scope, name);

alter table roles enable row level security;

alter table roles force row level security;

grant select, insert, update, delete on roles to fairlead_system;

create policy roles_system on roles to fairlead_system using (true) with check (true);

grant select, insert, update, delete on roles to fairlead_app;

create policy roles_tenant on roles to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

create policy roles_shared on roles for select to fairlead_app using (organization_id is null);

create table users (
    id text collate "C" not null,
    email text collate "C" not null,
    name text not null,
    image text,
    organization_id text collate "C",
    email_verified boolean default false not null,
    created_at timestamp with time zone default now() not null,
    updated_at timestamp with time zone default now() not null,
    deleted_at timestamp with time zone,
    constraint users_pkey primary key (id),
    constraint users_organization_id_fkey foreign key(organization_id) references organizations (id) on delete set null
);

create index users_org_idx on users (organization_id, created_at desc, id desc);

create unique index users_email_idx on users (email) where deleted_at is null;

alter table users enable row level security;

alter table users force row level security;

grant select, insert, update, delete on users to fairlead_system;

create policy users_system on users to fairlead_system using (true) with check (true);

grant select, insert, update, delete on users to fairlead_app;

create policy users_tenant on users to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

create table api_keys (
    id text collate "C" not null,
    name text not null,
    key_hash text collate "C" not null,
    key_prefix text not null,
    user_id text collate "C" not null,
    organization_id text collate "C" not null,
    scopes text[] collate "C" default '{}' not null,
    queue_ids text[] collate "C",
    last_used_at timestamp with time zone,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    created_at timestamp with time zone default now() not null,
    constraint api_keys_pkey primary key (id),
    constraint api_keys_user_id_fkey foreign key(user_id) references users (id) on delete cascade,
    constraint api_keys_organization_id_fkey foreign key(organization_id) references organizations (id) on delete cascade
);

create unique index api_keys_hash_idx on api_keys (key_hash);

create index api_keys_org_idx on api_keys (organization_id);

create index api_keys_user_idx on api_keys (user_id);

alter table api_keys enable row level security;

alter table api_keys force row level security;

grant select, insert, update, delete on api_keys to fairlead_system;

create policy api_keys_system on api_keys to fairlead_system using (true) with check (true);

grant select, insert, update, delete on api_keys to fairlead_app;

create policy api_keys_tenant on api_keys to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

create table credentials (
    id text collate "C" not null,
    user_id text collate "C" not null,
    provider text collate "C" not null,
    account_id text collate "C" not null,
    secret_hash text,
    last_used_at timestamp with time zone,
    created_at timestamp with time zone default now() not null,
    updated_at timestamp with time zone default now() not null,
    constraint credentials_pkey primary key (id),
    constraint credentials_provider_check check (provider <> ''),
    constraint credentials_user_id_fkey foreign key(user_id) references users (id) on delete cascade
);

create unique index credentials_account_idx on credentials (provider, account_id);

create index credentials_user_idx on credentials (user_id);

alter table credentials enable row level security;

alter table credentials force row level security;

grant select, insert, update, delete on credentials to fairlead_system;

create policy credentials_system on credentials to fairlead_system using (true) with check (true);

create table invitations (
    id text collate "C" not null,
    organization_id text collate "C" not null,
    email text collate "C" not null,
    role_id text collate "C" not null,
    role_scope text collate "C" default '*' not null,
    invited_by text collate "C",
    token_hash text collate "C" not null,
    expires_at timestamp with time zone not null,
    accepted_at timestamp with time zone,
    revoked_at timestamp with time zone,
    created_at timestamp with time zone default now() not null,
    constraint invitations_pkey primary key (id),
    constraint invitations_role_scope_role_id_fkey foreign key(role_scope, role_id) references roles (owner_scope, id) on delete cascade,
    constraint invitations_role_scope_check check (role_scope in ('*', organization_id)),
    constraint invitations_organization_id_fkey foreign key(organization_id) references organizations (id) on delete cascade,
    constraint invitations_invited_by_fkey foreign key(invited_by) references users (id) on delete set null
);

create unique index invitations_token_idx on invitations (token_hash);

create index invitations_org_idx on invitations (organization_id);

alter table invitations enable row level security;

alter table invitations force row level security;

grant select, insert, update, delete on invitations to fairlead_system;

create policy invitations_system on invitations to fairlead_system using (true) with check (true);

grant select, insert, update, delete on invitations to fairlead_app;

create policy invitations_tenant on invitations to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

create table queues (
    id text collate "C" not null,
    organization_id text collate "C" not null,
    name text collate "C" not null,
    description text,
    max_concurrency integer default 5,
    max_attempts integer default 3 not null,
    lease_seconds integer default 30 not null,
    backoff_policy text collate "C" default 'exponential' not null,
    backoff_base_seconds DOUBLE PRECISION default 1 not null,
    backoff_factor DOUBLE PRECISION default 2 not null,
    backoff_cap_seconds DOUBLE PRECISION default 3600 not null,
    backoff_jitter boolean default true not null,
    rate_limit integer,
    rate_period_seconds integer default 60 not null,
    max_depth integer,
    retention_seconds integer default 604800,
    paused_at timestamp with time zone,
    resume_at timestamp with time zone,
    created_by text collate "C",
    created_at timestamp with time zone default now() not null,
    updated_at timestamp with time zone default now() not null,
    deleted_at timestamp with time zone,
    constraint queues_pkey primary key (id),
    constraint queues_organization_id_id_key unique (organization_id, id),
    constraint queues_max_concurrency_check check (max_concurrency between 1 and 10000),
    constraint queues_max_attempts_check check (max_attempts between 1 and 1000),
    constraint queues_lease_seconds_check check (lease_seconds between 1 and 43200),
    constraint queues_backoff_policy_check check (backoff_policy in ('exponential', 'linear', 'fixed')),
    constraint queues_backoff_seconds_check check (backoff_base_seconds >= 0 and backoff_cap_seconds >= 0),
    constraint queues_backoff_factor_check check (backoff_factor between 1 and 100),
    constraint queues_rate_check check (rate_limit > 0 and rate_period_seconds > 0),
    constraint queues_max_depth_check check (max_depth > 0),
    constraint queues_retention_seconds_check check (retention_seconds >= 0),
    constraint queues_organization_id_fkey foreign key(organization_id) references organizations (id) on delete cascade,
    constraint queues_created_by_fkey foreign key(created_by) references users (id) on delete set null
);

create unique index queues_name_idx on queues (organization_id, name) where deleted_at is null;

alter table queues enable row level security;

alter table queues force row level security;

grant select, insert, update, delete on queues to fairlead_system;

create policy queues_system on queues to fairlead_system using (true) with check (true);

grant select, insert, update, delete on queues to fairlead_app;

create policy queues_tenant on queues to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

create table sessions (
    id text collate "C" not null,
    user_id text collate "C" not null,
    token_hash text collate "C" not null,
    user_agent text,
    address text,
    last_seen_at timestamp with time zone default now() not null,
    idle_expires_at timestamp with time zone not null,
    expires_at timestamp with time zone not null,
    revoked_at timestamp with time zone,
    created_at timestamp with time zone default now() not null,
    constraint sessions_pkey primary key (id),
    constraint sessions_user_id_fkey foreign key(user_id) references users (id) on delete cascade
);

create unique index sessions_token_idx on sessions (token_hash);

create index sessions_user_idx on sessions (user_id);

alter table sessions enable row level security;

alter table sessions force row level security;

grant select, insert, update, delete on sessions to fairlead_system;

create policy sessions_system on sessions to fairlead_system using (true) with check (true);

create table user_roles (
    organization_id text collate "C" not null,
    user_id text collate "C" not null,
    role_id text collate "C" not null,
    role_scope text collate "C" default '*' not null,
    created_at timestamp with time zone default now() not null,
    constraint user_roles_pkey primary key (organization_id, user_id, role_id),
    constraint user_roles_role_scope_role_id_fkey foreign key(role_scope, role_id) references roles (owner_scope, id),
    constraint user_roles_role_scope_check check (role_scope in ('*', organization_id)),
    constraint user_roles_organization_id_fkey foreign key(organization_id) references organizations (id) on delete cascade,
    constraint user_roles_user_id_fkey foreign key(user_id) references users (id) on delete cascade
);

create index user_roles_user_idx on user_roles (user_id);

alter table user_roles enable row level security;

alter table user_roles force row level security;

grant select, insert, update, delete on user_roles to fairlead_system;

create policy user_roles_system on user_roles to fairlead_system using (true) with check (true);

grant select, insert, update, delete on user_roles to fairlead_app;

create policy user_roles_tenant on user_roles to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

create table verifications (
    id text collate "C" not null,
    user_id text collate "C" not null,
    purpose text collate "C" not null,
    email text collate "C" not null,
    token_hash text collate "C" not null,
    expires_at timestamp with time zone not null,
    used_at timestamp with time zone,
    created_at timestamp with time zone default now() not null,
    constraint verifications_pkey primary key (id),
    constraint verifications_purpose_check check (purpose in ('verify_email', 'reset_password')),
    constraint verifications_user_id_fkey foreign key(user_id) references users (id) on delete cascade
);

create unique index verifications_token_idx on verifications (token_hash);

create index verifications_user_idx on verifications (user_id);

alter table verifications enable row level security;

alter table verifications force row level security;

grant select, insert, update, delete on verifications to fairlead_system;

create policy verifications_system on verifications to fairlead_system using (true) with check (true);

create sequence queue_items_seq;

create table queue_items (
    id text collate "C" not null,
    organization_id text collate "C" not null,
    queue_id text collate "C" not null,
    payload jsonb not null,
    status queue_item_status default 'waiting' not null,
    priority integer default 0 not null,
    attempts integer default 0 not null,
    max_attempts integer default 3 not null,
    error_message text,
    scheduled_for timestamp with time zone,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    created_at timestamp with time zone default now() not null,
    task text collate "C",
    unique_key text collate "C",
    ordering_key text collate "C",
    result jsonb,
    errors jsonb default '[]' not null,
    progress jsonb,
    lease_expires_at timestamp with time zone,
    worker_id text collate "C",
    claims integer default 0 not null,
    seq bigint default nextval('queue_items_seq') not null,
    ready boolean default true not null,
    trace text,
    tags text[] collate "C" default '{}' not null,
    finished_at timestamp with time zone default 'infinity' not null,
    constraint queue_items_pkey primary key (organization_id, id, finished_at),
    constraint queue_items_organization_id_queue_id_fkey foreign key(organization_id, queue_id) references queues (organization_id, id) on delete cascade,
    constraint queue_items_finished_at_check check ((status in ('waiting', 'processing')) = (finished_at = 'infinity')),
    constraint queue_items_lease_check check ((status = 'processing') = (lease_expires_at is not null)),
    constraint queue_items_ready_check check (ready or scheduled_for is not null),
    constraint queue_items_attempts_check check (attempts between 0 and max_attempts and claims >= attempts),
    constraint queue_items_priority_check check (priority between -1000000 and 1000000),
    constraint queue_items_payload_check check (jsonb_typeof(payload) = 'object')
)
 partition by range (finished_at);

alter table queue_items enable row level security;

alter table queue_items force row level security;

grant select, insert, update, delete on queue_items to fairlead_system;

create policy queue_items_system on queue_items to fairlead_system using (true) with check (true);

grant select, insert, update, delete on queue_items to fairlead_app;

create policy queue_items_tenant on queue_items to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

create table queue_items_live partition of queue_items for values from ('infinity') to (maxvalue) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 0.2);

create table queue_items_finished partition of queue_items default;

create index queue_items_queue_idx on queue_items_live (organization_id, queue_id, (-priority), seq) where status = 'waiting' and ready;

create index queue_items_scheduled_idx on queue_items_live (scheduled_for) where status = 'waiting' and not ready;

create index queue_items_status_idx on queue_items_live (lease_expires_at) where status = 'processing';

create index queue_items_finished_idx on queue_items_finished (organization_id, queue_id, finished_at);

grant usage on sequence queue_items_seq to fairlead_app, fairlead_system;

alter table queue_items_live enable row level security;

alter table queue_items_live force row level security;

grant select, insert, update, delete on queue_items_live to fairlead_system;

create policy queue_items_live_system on queue_items_live to fairlead_system using (true) with check (true);

grant select, insert, update, delete on queue_items_live to fairlead_app;

create policy queue_items_live_tenant on queue_items_live to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '') collate "default") with check (organization_id = nullif(current_setting('fairlead.organization_id', true), '') collate "default");

alter table queue_items_finished enable row level security;

alter table queue_items_finished force row level security;

grant select, insert, update, delete on queue_items_finished to fairlead_system;

create policy queue_items_finished_system on queue_items_finished to fairlead_system using (true) with check (true);

grant select, insert, update, delete on queue_items_finished to fairlead_app;

create policy queue_items_finished_tenant on queue_items_finished to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

create table item_counters (
    id bigint generated always as identity,
    organization_id text collate "C" not null,
    queue_id text collate "C" not null,
    status queue_item_status not null,
    change bigint not null,
    constraint item_counters_pkey primary key (id),
    constraint item_counters_organization_id_queue_id_fkey foreign key(organization_id, queue_id) references queues (organization_id, id) on delete cascade
);

create index item_counters_queue_idx on item_counters (organization_id, queue_id);

alter table item_counters enable row level security;

alter table item_counters force row level security;

grant select, insert, update, delete on item_counters to fairlead_system;

create policy item_counters_system on item_counters to fairlead_system using (true) with check (true);

grant select, insert, update, delete on item_counters to fairlead_app;

create policy item_counters_tenant on item_counters to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

create table schedules (
    id text collate "C" not null,
    organization_id text collate "C" not null,
    queue_id text collate "C" not null,
    name text collate "C" not null,
    cron text not null,
    time_zone text default 'UTC' not null,
    task text collate "C",
    payload jsonb default '{}' not null,
    priority integer default 0 not null,
    missed_runs text collate "C" default 'run_once' not null,
    catch_up_limit integer default 10 not null,
    next_run_at timestamp with time zone,
    last_run_at timestamp with time zone,
    paused_at timestamp with time zone,
    created_at timestamp with time zone default now() not null,
    updated_at timestamp with time zone default now() not null,
    constraint schedules_pkey primary key (id),
    constraint schedules_organization_id_queue_id_fkey foreign key(organization_id, queue_id) references queues (organization_id, id) on delete cascade,
    constraint schedules_missed_runs_check check (missed_runs in ('skip', 'run_once', 'catch_up')),
    constraint schedules_payload_check check (jsonb_typeof(payload) = 'object'),
    constraint schedules_organization_id_fkey foreign key(organization_id) references organizations (id) on delete cascade
);

create unique index schedules_name_idx on schedules (organization_id, name);

create index schedules_due_idx on schedules (next_run_at) where paused_at is null;

alter table schedules enable row level security;

alter table schedules force row level security;

grant select, insert, update, delete on schedules to fairlead_system;

create policy schedules_system on schedules to fairlead_system using (true) with check (true);

grant select, insert, update, delete on schedules to fairlead_app;

create policy schedules_tenant on schedules to fairlead_app using (organization_id = nullif(current_setting('fairlead.organization_id', true), '')) with check (organization_id = nullif(current_setting('fairlead.organization_id', true), ''));

-- The system roles; the owner sees no row under FORCE ROW LEVEL SECURITY, so the fleet's role writes them.
set local role fairlead_system;

insert into roles (id, name, description, permissions) values
    ('owner', 'owner', 'May do everything, and give the organization away',
        '{audit:read,items:claim,items:enqueue,items:manage,items:read,keys:manage,members:manage,members:read,organization:manage,organization:read,queues:manage,queues:read}'),
    ('admin', 'admin', 'May do everything except change the organization itself',
        '{audit:read,items:claim,items:enqueue,items:manage,items:read,keys:manage,members:manage,members:read,organization:read,queues:manage,queues:read}'),
    ('member', 'member', 'May enqueue and work items',
        '{items:claim,items:enqueue,items:manage,items:read,members:read,organization:read,queues:read}'),
    ('viewer', 'viewer', 'May look',
        '{items:read,members:read,organization:read,queues:read}');

reset role;
