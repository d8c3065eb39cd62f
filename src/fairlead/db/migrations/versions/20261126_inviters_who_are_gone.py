"""Inviters who are gone.

- drop constraint invitations_invited_by_fkey of invitations

Revision: 20261126_inviters_who_are_gone, after 20261126_personal_idempotency
"""

from __future__ import annotations

from alembic import op

revision = "20261126_inviters_who_are_gone"
down_revision = "20261126_personal_idempotency"
branch_labels = None
depends_on = None

LINT_IGNORE = {"ban-drop-constraint": "nobody relied on it but to forget who made an offer, which made it anybody's"}


def upgrade() -> None:
    """One transaction, whose locks are held for a moment."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    op.execute("alter table invitations drop constraint invitations_invited_by_fkey")
    op.execute("reset role")


def downgrade() -> None:
    """Undo it. Each statement is a transaction of its own and may be run again."""
    with op.get_context().autocommit_block():
        op.execute("set role fairlead_owner")
        op.execute("set lock_timeout = '3s'")
        op.execute("""
            -- squawk-ignore ban-drop-constraint
            alter table invitations drop constraint if exists invitations_invited_by_fkey,
                add constraint invitations_invited_by_fkey foreign key(invited_by)
                references users (id) on delete set null
                not valid
        """)
        op.execute("set role fairlead_system")
        op.execute("""
            update invitations i
            set invited_by = null, revoked_at = coalesce(i.revoked_at, i.accepted_at, now())
            where i.invited_by is not null and not exists (select from users u where u.id = i.invited_by)
        """)
        op.execute("set role fairlead_owner")
        op.execute("set lock_timeout = '0'")
        op.execute("alter table invitations validate constraint invitations_invited_by_fkey")
        op.execute("reset lock_timeout")
        op.execute("reset role")
