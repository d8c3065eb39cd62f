"""The claim's index in the order of the priority itself, beside the one of the negated priority (ADR 0021).

Expand only. Code of the last release goes on claiming by the old index, which the next revision drops when the last of
it is gone. The live leaf is read once (measured: half a second for a million live items, while nobody enqueues or
claims); until the next revision every item is in both indexes.

Revision: 20261126_priority_index, after 20261126_reader
"""

from __future__ import annotations

from alembic import op

revision = "20261126_priority_index"
down_revision = "20261126_reader"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    _run(
        "create index queue_items_priority_idx on queue_items_live (organization_id, queue_id, priority desc, seq) "
        "where status = 'waiting' and ready"
    )


def downgrade() -> None:
    """Undo the upgrade."""
    _run("drop index queue_items_priority_idx")


def _run(statement: str) -> None:
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    op.execute(statement)
    op.execute("reset role")
