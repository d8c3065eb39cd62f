BEGIN;

-- Running upgrade 20261126_idempotency_keys -> 20261126_accounts

COMMIT;

SET ROLE fairlead_owner;

SET lock_timeout = '3s';

ALTER TABLE verifications ADD COLUMN IF NOT EXISTS name TEXT;

ALTER TABLE verifications ADD COLUMN IF NOT EXISTS organization_name TEXT;

ALTER TABLE verifications ADD COLUMN IF NOT EXISTS secret_hash TEXT;

-- squawk-ignore ban-drop-constraint
ALTER TABLE verifications DROP CONSTRAINT IF EXISTS verifications_purpose_check,
    ADD CONSTRAINT verifications_purpose_check CHECK ((purpose = ANY (ARRAY['sign_up'::text, 'verify_email'::text, 'reset_password'::text, 'second_factor'::text])))
    NOT VALID;

-- squawk-ignore ban-drop-constraint
ALTER TABLE verifications DROP CONSTRAINT IF EXISTS verifications_sign_up_check,
    ADD CONSTRAINT verifications_sign_up_check CHECK (((purpose <> 'sign_up'::text) OR ((name IS NOT NULL) AND (organization_name IS NOT NULL) AND (secret_hash IS NOT NULL))))
    NOT VALID;

SET lock_timeout = '0';

ALTER TABLE verifications VALIDATE CONSTRAINT verifications_purpose_check;

ALTER TABLE verifications VALIDATE CONSTRAINT verifications_sign_up_check;

DROP INDEX CONCURRENTLY IF EXISTS verifications_email_idx;

CREATE INDEX CONCURRENTLY IF NOT EXISTS verifications_email_idx
ON verifications (email);

RESET lock_timeout;

RESET ROLE;

BEGIN;

SET LOCAL lock_timeout = '3s';

SET LOCAL ROLE fairlead_owner;

CREATE UNLOGGED TABLE buckets (
    name TEXT COLLATE "C" NOT NULL,
    full_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT buckets_pkey PRIMARY KEY (name)
);

CREATE TABLE kept_mails (
    id TEXT COLLATE "C" NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT kept_mails_pkey PRIMARY KEY (id)
);

CREATE TABLE second_factors (
    user_id TEXT COLLATE "C" NOT NULL,
    sealed_secret BYTEA NOT NULL,
    last_step BIGINT DEFAULT 0 NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT second_factors_pkey PRIMARY KEY (user_id),
    CONSTRAINT second_factors_user_id_fkey FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

ALTER TABLE verifications ALTER COLUMN user_id DROP NOT NULL;

alter table buckets enable row level security;

alter table buckets force row level security;

alter table kept_mails enable row level security;

alter table kept_mails force row level security;

alter table second_factors enable row level security;

alter table second_factors force row level security;

create policy buckets_reader on buckets for select to fairlead_reader
using (NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text) IS NULL);

create policy buckets_system on buckets to fairlead_system
using (true)
with check (true);

create policy kept_mails_reader on kept_mails for select to fairlead_reader
using (NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text) IS NULL);

create policy kept_mails_system on kept_mails to fairlead_system
using (true)
with check (true);

create policy second_factors_reader on second_factors for select to fairlead_reader
using (NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text) IS NULL);

create policy second_factors_system on second_factors to fairlead_system
using (true)
with check (true);

grant delete, insert, select, update on buckets to fairlead_system;

grant delete, insert, select, update on kept_mails to fairlead_system;

grant delete, insert, select, update on second_factors to fairlead_system;

RESET ROLE;

UPDATE fairlead_migrations SET version_num='20261126_accounts' WHERE fairlead_migrations.version_num = '20261126_idempotency_keys';

COMMIT;
