"""Revisions as SQL, without a database: what `alembic upgrade --sql` would write, a part a statement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from io import StringIO
from traceback import walk_stack
from typing import Any

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.schema import DDLElement

from fairlead.db.migrating.failures import explained
from fairlead.db.migrating.revisions import Migrations
from fairlead.db.migrating.wording import with_spaces


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a revision, without the semicolon; `alone`: outside of the revision's transaction."""

    text: str
    alone: bool
    line: int  # of the revision's file, from which it is sent


def keep_tabs(impl: Any) -> None:
    """Let Alembic write what is sent: without a connection it makes spaces of every tab, also of one in a text."""

    def written(construct: Any, *_options: Any, **_more: Any) -> None:
        statement: Any = text(construct) if isinstance(construct, str) else construct
        literal = {} if isinstance(statement, DDLElement) else {"compile_kwargs": {"literal_binds": True}}
        sent = with_spaces(str(statement.compile(dialect=impl.dialect, **literal)))
        impl.static_output(f"{sent.strip()}{impl.command_terminator}")

    impl._exec = written  # noqa: SLF001 - every operation goes through it


class _Parts(StringIO):
    """Takes what Alembic writes: every write is one statement or one comment."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = file
        self.parts: list[str] = []
        self.statements: list[Statement] = []
        self._inside = self._alone = False

    def write(self, text: str) -> int:
        part = text.strip()
        self.parts.append(part)
        if part in {"COMMIT;", "BEGIN;"}:
            self._alone = part == "COMMIT;"
        elif self._inside and part:
            self.statements.append(Statement(part.rstrip(";").rstrip(), self._alone, self._line()))
        return len(text)

    def _line(self) -> int:
        """Return the line of `upgrade()` or `downgrade()` that is at work."""
        lines = [line for frame, line in walk_stack(None) if frame.f_code.co_filename == self._file]
        return lines[-1] if lines else 1

    def around(self, work: Callable[..., None]) -> Callable[..., None]:
        @wraps(work)  # Alembic says its name
        def noted(**options: Any) -> None:
            self._inside, self._alone = True, False
            work(**options)
            self._inside = False

        return noted


def render(migrations: Migrations, script: ScriptDirectory, step: RevisionStep) -> list[str]:
    """Return everything that is sent for one revision, BEGIN, COMMIT and the version table's changes among it.

    Raises MigrationFailed for a revision that asks the database before it knows what to send.
    """
    return [part for part in _written(migrations, script, step).parts if part]


def statements(migrations: Migrations, script: ScriptDirectory, step: RevisionStep) -> list[Statement]:
    """Return the revision's own statements; raises as `render` does."""
    return _written(migrations, script, step).statements


def _written(migrations: Migrations, script: ScriptDirectory, step: RevisionStep) -> _Parts:
    buffer, start = _Parts(step.revision.path), step.from_revisions_no_deps or None
    own = RevisionStep(step.revision_map, step.revision, step.is_upgrade)
    own.migration_fn = buffer.around(own.migration_fn)
    with (
        explained(step.revision),
        EnvironmentContext(
            migrations.config, script, fn=lambda _heads, _context: [own], as_sql=True, starting_rev=start
        ) as environment,
    ):
        environment.configure(
            dialect_name="postgresql",
            dialect_opts={"paramstyle": "named"},  # others would double each percent sign
            literal_binds=True,
            output_buffer=buffer,
            **{**migrations.options, "version_table_schema": migrations.version_schema},  # as Alembic's own command
        )
        keep_tabs(environment.get_context().impl)
        with environment.begin_transaction():
            environment.run_migrations()
    return buffer
