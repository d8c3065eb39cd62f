"""Idempotency keys.

- create table idempotency_keys
- alter table idempotency_keys: row-level security, forced row-level security
- add index idempotency_keys_created_idx on idempotency_keys
- add policy idempotency_keys_reader on idempotency_keys
- add policy idempotency_keys_system on idempotency_keys
- add policy idempotency_keys_tenant on idempotency_keys
- add grant on table idempotency_keys to fairlead_app
- add grant on table idempotency_keys to fairlead_system

Revision: 20261126_idempotency_keys, after 20261126_cancel_requests
"""

from __future__ import annotations

from alembic import op

revision = "20261126_idempotency_keys"
down_revision = "20261126_cancel_requests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One transaction, whose locks are held for a moment."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("SET LOCAL ROLE fairlead_owner")
    op.execute("""
        CREATE TABLE idempotency_keys (
            organization_id TEXT COLLATE "C" NOT NULL,
            route TEXT COLLATE "C" NOT NULL,
            key TEXT COLLATE "C" NOT NULL,
            fingerprint TEXT COLLATE "C" NOT NULL,
            answer BYTEA NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            CONSTRAINT idempotency_keys_pkey PRIMARY KEY (organization_id, route, key),
            CONSTRAINT idempotency_keys_organization_id_fkey FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE CASCADE
        )
    """)
    op.execute("alter table idempotency_keys enable row level security")
    op.execute("alter table idempotency_keys force row level security")
    op.execute("CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at)")
    op.execute("""
        create policy idempotency_keys_reader on idempotency_keys for select to fairlead_reader
            using (NOT (organization_id IS DISTINCT FROM COALESCE(NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text), organization_id)))
    """)
    op.execute("""
        create policy idempotency_keys_system on idempotency_keys to fairlead_system
            using (true)
            with check (true)
    """)
    op.execute("""
        create policy idempotency_keys_tenant on idempotency_keys to fairlead_app
            using (organization_id = NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text))
            with check (organization_id = NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text))
    """)
    op.execute("grant delete, insert, select, update on idempotency_keys to fairlead_app")
    op.execute("grant delete, insert, select, update on idempotency_keys to fairlead_system")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Undo the upgrade."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("SET LOCAL ROLE fairlead_owner")
    op.execute("DROP TABLE idempotency_keys")
    op.execute("RESET ROLE")
