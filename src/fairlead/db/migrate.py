"""Apply Fairlead's migrations: one transaction each, one process at a time.

A session-level advisory lock on a connection of its own keeps two runs apart (the second waits, then finds nothing
to do); Alembic has no lock of its own, and a transaction-level one would be lost between two revisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from fairlead.db.connect import driver_url
from fairlead.db.sqlstate import translated
from fairlead.errors import DatabaseUnavailable, OperatorError

VERSION_TABLE = "fairlead_migrations"
_LOCK = 4_919_111_418_901_031_125  # any number that no other program on the server uses
LOCATION = Path(__file__).parent / "migrations"


def migrate(url: str, *, on_step: Callable[[str], None] = lambda _revision: None) -> list[str]:
    """Bring the database at `url` to the newest schema; return the revisions applied, oldest first.

    `on_step` is told each revision as it starts. Raises OperatorError when the login may not do what is needed.
    """
    applied: list[str] = []
    with _locked(url) as connection:
        for revision in _pending(connection):
            on_step(revision)
            _upgrade(connection, revision)
            applied.append(revision)
    return applied


def downgrade(url: str, revision: str = "base") -> None:
    """Take the database at `url` back to `revision`."""
    with _locked(url) as connection:
        command.downgrade(_config(connection), revision)


def pending(url: str) -> list[str]:
    """Return the revisions that the database at `url` lacks, oldest first."""
    with _connected(url) as connection:
        return _pending(connection)


def _pending(connection: Connection) -> list[str]:
    current = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads()
    connection.rollback()
    script = ScriptDirectory.from_config(_config(connection))
    ahead = script.iterate_revisions("heads", current or "base", implicit_base=True)
    return [revision.revision for revision in reversed(list(ahead)) if revision.revision not in current]


def _upgrade(connection: Connection, revision: str) -> None:
    try:
        command.upgrade(_config(connection), revision)
    except ProgrammingError as error:
        if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise OperatorError(_PRIVILEGES.format(problem=error.orig.diag.message_primary)) from error
        raise


_PRIVILEGES = (
    "The database login may not set the schema up ({problem}). Let an administrator run, in this database: "
    "create role fairlead_owner nologin; create role fairlead_app nologin; create role fairlead_system nologin; "
    "create role fairlead_reader nologin; "
    "grant fairlead_owner, fairlead_app, fairlead_system, fairlead_reader to <your login> with admin option; "
    "grant create on schema public to <your login> with grant option. Then run 'fairlead db migrate' again."
)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(LOCATION).replace("%", "%%"))
    config.set_main_option("version_table", VERSION_TABLE)
    config.attributes["connection"] = connection
    return config


@contextmanager
def _locked(url: str) -> Iterator[Connection]:
    with _connected(url) as guard, _connected(url) as connection:
        guard.execute(text("select pg_advisory_lock(:lock)"), {"lock": _LOCK})
        guard.commit()
        yield connection


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(driver_url(url), poolclass=NullPool, connect_args={"connect_timeout": 5})
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise DatabaseUnavailable(
            f"The database cannot be reached: {_reason(error)}. Check FAIRLEAD_DATABASE_URL."
        ) from error
    with translated(), connection:
        yield connection


def _reason(error: OperationalError) -> str:
    """Return the driver's own sentence; it names host, port and user, never a password."""
    lines = str(error.orig).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
