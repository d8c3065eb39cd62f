"""The second half of `20261126_priority_index`: the new index takes the old one's place and its name.

Run it when no code of the release before is at work any more, whose claims would sort their whole queue. It takes its
lock for a moment, downwards for as long as the old index takes to build.

Revision: 20261126_priority_index_alone, after 20261126_priority_index
"""

from __future__ import annotations

from alembic import op

revision = "20261126_priority_index_alone"
down_revision = "20261126_priority_index"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Contract."""
    _run(
        "drop index queue_items_queue_idx",
        "alter index queue_items_priority_idx rename to queue_items_queue_idx",
    )


def downgrade() -> None:
    """Let both be there."""
    _run(
        "alter index queue_items_queue_idx rename to queue_items_priority_idx",
        "create index queue_items_queue_idx on queue_items_live (organization_id, queue_id, (-priority), seq) "
        "where status = 'waiting' and ready",
    )


def _run(*statements: str) -> None:
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    for statement in statements:
        op.execute(statement)
    op.execute("reset role")
