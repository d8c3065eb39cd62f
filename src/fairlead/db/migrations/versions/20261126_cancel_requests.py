"""Items that are worked on and being cancelled: since when.

Expand only. The column is nullable, so that it takes its lock for a moment and no room in a row. Code of the release
before goes on working beside the new: it cancels what is worked on at once, as it did, and does not heed requests. An
outcome that it accepts of an item that is being cancelled stands; an item that it puts back to wait while it is being
cancelled is worked on again for a moment, until its next worker hears of the request, and ends cancelled then.

Revision: 20261126_cancel_requests, after 20261126_priority_index_alone
"""

from __future__ import annotations

from alembic import op

revision = "20261126_cancel_requests"
down_revision = "20261126_priority_index_alone"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    _run("alter table queue_items add column cancel_requested_at timestamptz")


def downgrade() -> None:
    """Undo the upgrade; what is being cancelled at that moment goes on, and has to be cancelled once more."""
    _run("alter table queue_items drop column cancel_requested_at")


def _run(statement: str) -> None:
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    op.execute(statement)
    op.execute("reset role")
