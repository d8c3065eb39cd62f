"""Personal idempotency keys.

- create table personal_idempotency_keys
- alter table personal_idempotency_keys: row-level security, forced row-level security
- add policy personal_idempotency_keys_reader on personal_idempotency_keys
- add policy personal_idempotency_keys_system on personal_idempotency_keys
- add grant on table personal_idempotency_keys to fairlead_system

Revision: 20261126_personal_idempotency, after 20261126_tokens_taken
"""

from __future__ import annotations

from alembic import op

revision = "20261126_personal_idempotency"
down_revision = "20261126_tokens_taken"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One transaction, whose locks are held for a moment."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    op.execute("""
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
        )
    """)
    op.execute("alter table personal_idempotency_keys enable row level security")
    op.execute("alter table personal_idempotency_keys force row level security")
    op.execute("""
        create policy personal_idempotency_keys_reader on personal_idempotency_keys for select to fairlead_reader
            using (nullif(current_setting('fairlead.organization_id'::text, true), ''::text) is null)
    """)
    op.execute("""
        create policy personal_idempotency_keys_system on personal_idempotency_keys to fairlead_system
            using (true)
            with check (true)
    """)
    op.execute("grant delete, insert, select, update on personal_idempotency_keys to fairlead_system")
    op.execute("reset role")


def downgrade() -> None:
    """Undo the upgrade."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    op.execute("drop table personal_idempotency_keys")
    op.execute("reset role")
