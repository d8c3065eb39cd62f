"""Revisions as SQL, without a database: what `alembic upgrade --sql` would write, a part a statement."""

from __future__ import annotations

from io import StringIO
from typing import Any

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory

from fairlead.db.migrating.failures import explained
from fairlead.db.migrating.revisions import Migrations


class _Parts(StringIO):
    """Takes what Alembic writes: every write is one statement or one comment."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text.strip())
        return len(text)


def render(migrations: Migrations, script: ScriptDirectory, step: RevisionStep) -> list[str]:
    """Return the statements of one revision in the order in which they are sent, BEGIN and COMMIT among them.

    The last but one keeps the version table up to date. Raises MigrationFailed for a revision that asks the database
    before it knows what to send.
    """
    buffer, start = _Parts(), step.from_revisions_no_deps or None
    with (
        explained(step.revision),
        EnvironmentContext(
            migrations.config,
            script,
            fn=_only(step),
            as_sql=True,
            starting_rev=start,
        ) as environment,
    ):
        environment.configure(
            dialect_name="postgresql",
            dialect_opts={"paramstyle": "named"},  # others would double each percent sign
            literal_binds=True,
            output_buffer=buffer,
            **migrations.options,
        )
        with environment.begin_transaction():
            environment.run_migrations()
    return [part for part in buffer.parts if part]


def _only(step: RevisionStep) -> Any:
    return lambda _heads, _context: [step]
