"""${message}

Say in one paragraph what changes and why it is safe while the previous release's code is running.

Revision: ${up_revision}, after ${down_revision | comma,n}
"""

from __future__ import annotations

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: nothing the running code needs may go away here."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    ${upgrades if upgrades else "pass"}
    op.execute("reset role")


def downgrade() -> None:
    """Undo the upgrade."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    ${downgrades if downgrades else "pass"}
    op.execute("reset role")
