"""The SQL of operations and of revisions, one statement each, without a database.

Nothing in it is about the table in which Alembic notes what is applied: that is no part of what is reviewed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from alembic.operations import MigrateOperation, Operations, ops
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script

from fairlead.errors import MigrationFailed
from fairlead.toolkit.environment import config_of, options, scripts
from fairlead.toolkit.target import Target


def operations_sql(target: Target, operations: Iterable[MigrateOperation]) -> list[str]:
    """Return the statements of operations; containers are opened."""

    def run(context: Operations) -> None:
        for operation in operations:
            _invoke(context, operation)

    return _collected(target, run)


def upgrade_sql(target: Target, script: Script) -> list[str]:
    """Return the statements of a revision's upgrade; raises MigrationFailed when it needs a database to be written."""
    return _collected(target, lambda _context: script.module.upgrade(), what=script.revision)


def downgrade_sql(target: Target, script: Script) -> list[str]:
    """Return the statements of a revision's downgrade; raises as `upgrade_sql` does."""
    return _collected(target, lambda _context: script.module.downgrade(), what=script.revision)


class _Statements:
    """Takes what Alembic writes, which is a statement at a time."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, text: str) -> None:
        """Keep a statement."""
        self.written.append(text.strip())

    def flush(self) -> None:
        """Do nothing; Alembic asks for it."""


def _collected(target: Target, run: Callable[[Operations], None], *, what: str = "it") -> list[str]:
    statements = _Statements()
    with EnvironmentContext(config_of(target), scripts(target), as_sql=True) as environment:
        environment.configure(
            dialect_name="postgresql",
            dialect_opts={"paramstyle": "named"},  # or every per cent sign would be doubled
            literal_binds=True,
            output_buffer=statements,  # type: ignore[arg-type]  # two methods of a file are asked for
            **options(target),
        )
        context: Any = environment.get_context()
        try:
            with Operations.context(context) as operations:
                run(operations)
        except (AttributeError, TypeError) as error:
            raise MigrationFailed(f"{what} cannot be written as SQL without a database: {error}") from error
    return statements.written


def _invoke(operations: Operations, operation: MigrateOperation) -> None:
    if isinstance(operation, ops.OpContainer):
        for inner in operation.ops:
            _invoke(operations, inner)
    else:
        operations.invoke(operation)
