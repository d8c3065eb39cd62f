"""The baseline: every table of the first release, with its row security, grants, leaves and system roles.

Nothing runs on it yet, so there is nothing it could disturb. The SQL lies in `../sql`, to be read as SQL.

Revision: 20261122_baseline, the first
"""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "20261122_baseline"
down_revision = None
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Make everything."""
    _run("20261122_baseline.up.sql")


def downgrade() -> None:
    """Drop everything but the server-wide roles."""
    _run("20261122_baseline.down.sql")


def _run(name: str) -> None:
    op.execute("set local lock_timeout = '3s'")
    for statement in (_SQL / name).read_text(encoding="utf-8").split("\n\n"):
        op.execute(text(statement.strip().rstrip(";")))
