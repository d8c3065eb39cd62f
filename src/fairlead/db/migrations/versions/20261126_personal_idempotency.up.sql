BEGIN;

-- Running upgrade 20261126_tokens_taken -> 20261126_personal_idempotency

set local lock_timeout = '3s';

set local role fairlead_owner;

create table personal_idempotency_keys (
    user_id text collate "C" not null,
    route text collate "C" not null,
    key text collate "C" not null,
    fingerprint text collate "C" not null,
    answer bytea not null,
    created_at timestamp with time zone default now() not null,
    constraint personal_idempotency_keys_pkey primary key (user_id, route, key),
    constraint personal_idempotency_keys_user_id_fkey foreign key(user_id)
        references users (id) on delete cascade
);

alter table personal_idempotency_keys enable row level security;

alter table personal_idempotency_keys force row level security;

create policy personal_idempotency_keys_reader on personal_idempotency_keys for select to fairlead_reader
using (nullif(current_setting('fairlead.organization_id'::text, true), ''::text) is null);

create policy personal_idempotency_keys_system on personal_idempotency_keys to fairlead_system
using (true)
with check (true);

grant delete, insert, select, update on personal_idempotency_keys to fairlead_system;

reset role;

UPDATE fairlead_migrations SET version_num='20261126_personal_idempotency' WHERE fairlead_migrations.version_num = '20261126_tokens_taken';

COMMIT;
