"""Accounts: sign-ups that wait for their address, second factors, budgets of attempts, and mails kept in development.

- drop constraint verifications_purpose_check of verifications
- create table buckets
- create table kept_mails
- create table second_factors
- alter column verifications.user_id: nullable
- add column verifications.name, text
- add column verifications.organization_name, text
- add column verifications.secret_hash, text
- alter table buckets: row-level security, forced row-level security
- alter table kept_mails: row-level security, forced row-level security
- alter table second_factors: row-level security, forced row-level security
- add check verifications_purpose_check on verifications
- add check verifications_sign_up_check on verifications
- add index verifications_email_idx on verifications
- add policy buckets_reader on buckets
- add policy buckets_system on buckets
- add policy kept_mails_reader on kept_mails
- add policy kept_mails_system on kept_mails
- add policy second_factors_reader on second_factors
- add policy second_factors_system on second_factors
- add grant on table buckets to fairlead_system
- add grant on table kept_mails to fairlead_system
- add grant on table second_factors to fairlead_system

Revision: 20261126_accounts, after 20261126_idempotency_keys
"""

from __future__ import annotations

from alembic import op

revision = "20261126_accounts"
down_revision = "20261126_idempotency_keys"
branch_labels = None
depends_on = None
LINT_IGNORE = {"ban-drop-not-null": "no code before this one reads verifications"}


def upgrade() -> None:
    """First what is slow, each statement a transaction that may be run again; then one transaction."""
    with op.get_context().autocommit_block():
        op.execute("SET ROLE fairlead_owner")
        op.execute("SET lock_timeout = '3s'")
        op.execute("ALTER TABLE verifications ADD COLUMN IF NOT EXISTS name TEXT")
        op.execute("ALTER TABLE verifications ADD COLUMN IF NOT EXISTS organization_name TEXT")
        op.execute("ALTER TABLE verifications ADD COLUMN IF NOT EXISTS secret_hash TEXT")
        op.execute("""
            -- squawk-ignore ban-drop-constraint
            ALTER TABLE verifications DROP CONSTRAINT IF EXISTS verifications_purpose_check,
                ADD CONSTRAINT verifications_purpose_check CHECK ((purpose = ANY (ARRAY['sign_up'::text, 'verify_email'::text, 'reset_password'::text, 'second_factor'::text])))
                NOT VALID
        """)
        op.execute("""
            -- squawk-ignore ban-drop-constraint
            ALTER TABLE verifications DROP CONSTRAINT IF EXISTS verifications_sign_up_check,
                ADD CONSTRAINT verifications_sign_up_check CHECK (((purpose <> 'sign_up'::text) OR ((name IS NOT NULL) AND (organization_name IS NOT NULL) AND (secret_hash IS NOT NULL))))
                NOT VALID
        """)
        op.execute("SET lock_timeout = '0'")
        op.execute("ALTER TABLE verifications VALIDATE CONSTRAINT verifications_purpose_check")
        op.execute("ALTER TABLE verifications VALIDATE CONSTRAINT verifications_sign_up_check")
        # what a build that was broken off left behind
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS verifications_email_idx")
        op.execute("""
            CREATE INDEX CONCURRENTLY IF NOT EXISTS verifications_email_idx
                ON verifications (email)
        """)
        op.execute("RESET lock_timeout")
        op.execute("RESET ROLE")
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("SET LOCAL ROLE fairlead_owner")
    op.execute("""
        CREATE UNLOGGED TABLE buckets (
            name TEXT COLLATE "C" NOT NULL,
            full_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT buckets_pkey PRIMARY KEY (name)
        )
    """)
    op.execute("""
        CREATE TABLE kept_mails (
            id TEXT COLLATE "C" NOT NULL,
            recipient TEXT NOT NULL,
            subject TEXT NOT NULL,
            body TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            CONSTRAINT kept_mails_pkey PRIMARY KEY (id)
        )
    """)
    op.execute("""
        CREATE TABLE second_factors (
            user_id TEXT COLLATE "C" NOT NULL,
            sealed_secret BYTEA NOT NULL,
            last_step BIGINT DEFAULT 0 NOT NULL,
            confirmed_at TIMESTAMP WITH TIME ZONE,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            CONSTRAINT second_factors_pkey PRIMARY KEY (user_id),
            CONSTRAINT second_factors_user_id_fkey FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
        )
    """)
    op.execute("ALTER TABLE verifications ALTER COLUMN user_id DROP NOT NULL")
    op.execute("alter table buckets enable row level security")
    op.execute("alter table buckets force row level security")
    op.execute("alter table kept_mails enable row level security")
    op.execute("alter table kept_mails force row level security")
    op.execute("alter table second_factors enable row level security")
    op.execute("alter table second_factors force row level security")
    op.execute("""
        create policy buckets_reader on buckets for select to fairlead_reader
            using (NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text) IS NULL)
    """)
    op.execute("""
        create policy buckets_system on buckets to fairlead_system
            using (true)
            with check (true)
    """)
    op.execute("""
        create policy kept_mails_reader on kept_mails for select to fairlead_reader
            using (NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text) IS NULL)
    """)
    op.execute("""
        create policy kept_mails_system on kept_mails to fairlead_system
            using (true)
            with check (true)
    """)
    op.execute("""
        create policy second_factors_reader on second_factors for select to fairlead_reader
            using (NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text) IS NULL)
    """)
    op.execute("""
        create policy second_factors_system on second_factors to fairlead_system
            using (true)
            with check (true)
    """)
    op.execute("grant delete, insert, select, update on buckets to fairlead_system")
    op.execute("grant delete, insert, select, update on kept_mails to fairlead_system")
    op.execute("grant delete, insert, select, update on second_factors to fairlead_system")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Undo it. First what is slow, each statement a transaction that may be run again; then one transaction."""
    with op.get_context().autocommit_block():
        op.execute("SET ROLE fairlead_owner")
        op.execute("SET lock_timeout = '3s'")
        op.execute("""
            -- squawk-ignore ban-drop-constraint
            ALTER TABLE verifications DROP CONSTRAINT IF EXISTS verifications_user_id_not_empty,
                ADD CONSTRAINT verifications_user_id_not_empty CHECK (user_id IS NOT NULL)
                NOT VALID
        """)
        op.execute("""
            -- squawk-ignore ban-drop-constraint
            ALTER TABLE verifications DROP CONSTRAINT IF EXISTS verifications_purpose_check,
                ADD CONSTRAINT verifications_purpose_check CHECK ((purpose = ANY (ARRAY['verify_email'::text, 'reset_password'::text])))
                NOT VALID
        """)
        op.execute("SET lock_timeout = '0'")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS verifications_email_idx")
        op.execute("ALTER TABLE verifications VALIDATE CONSTRAINT verifications_user_id_not_empty")
        op.execute("ALTER TABLE verifications VALIDATE CONSTRAINT verifications_purpose_check")
        op.execute("RESET lock_timeout")
        op.execute("RESET ROLE")
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("SET LOCAL ROLE fairlead_owner")
    op.execute("ALTER TABLE verifications DROP CONSTRAINT verifications_sign_up_check")
    op.execute("ALTER TABLE verifications DROP COLUMN secret_hash")
    op.execute("ALTER TABLE verifications DROP COLUMN organization_name")
    op.execute("ALTER TABLE verifications DROP COLUMN name")
    op.execute("ALTER TABLE verifications ALTER COLUMN user_id SET NOT NULL")
    op.execute("""
        -- squawk-ignore ban-drop-constraint
        ALTER TABLE verifications DROP CONSTRAINT verifications_user_id_not_empty
    """)
    op.execute("DROP TABLE buckets")
    op.execute("DROP TABLE kept_mails")
    op.execute("DROP TABLE second_factors")
    op.execute("RESET ROLE")
