BEGIN;

-- Running upgrade 20261126_cancel_requests -> 20261126_idempotency_keys

SET LOCAL lock_timeout = '3s';

SET LOCAL ROLE fairlead_owner;

CREATE TABLE idempotency_keys (
    organization_id TEXT COLLATE "C" NOT NULL,
    route TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    answer BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (organization_id, route, key),
    CONSTRAINT idempotency_keys_organization_id_fkey FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE CASCADE
);

alter table idempotency_keys enable row level security;

alter table idempotency_keys force row level security;

CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at);

create policy idempotency_keys_reader on idempotency_keys for select to fairlead_reader
using (NOT (organization_id IS DISTINCT FROM COALESCE(NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text), organization_id)));

create policy idempotency_keys_system on idempotency_keys to fairlead_system
using (true)
with check (true);

create policy idempotency_keys_tenant on idempotency_keys to fairlead_app
using (organization_id = NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text))
with check (organization_id = NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text));

grant delete, insert, select, update on idempotency_keys to fairlead_app;

grant delete, insert, select, update on idempotency_keys to fairlead_system;

RESET ROLE;

UPDATE fairlead_migrations SET version_num='20261126_idempotency_keys' WHERE fairlead_migrations.version_num = '20261126_cancel_requests';

COMMIT;
