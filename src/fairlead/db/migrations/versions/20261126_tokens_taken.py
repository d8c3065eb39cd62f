"""Tokens taken.

- add column buckets.taken, integer, not null

Revision: 20261126_tokens_taken, after 20261126_accounts
"""

from __future__ import annotations

from alembic import op

revision = "20261126_tokens_taken"
down_revision = "20261126_accounts"
branch_labels = None
depends_on = None
LINT_IGNORE = {"prefer-bigint-over-int": "at most as many tokens as one process takes for half a second"}


def upgrade() -> None:
    """One transaction, whose locks are held for a moment."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("SET LOCAL ROLE fairlead_owner")
    op.execute("ALTER TABLE buckets ADD COLUMN taken INTEGER DEFAULT 0 NOT NULL")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Undo the upgrade."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("SET LOCAL ROLE fairlead_owner")
    op.execute("ALTER TABLE buckets DROP COLUMN taken")
    op.execute("RESET ROLE")
