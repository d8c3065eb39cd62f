"""Alembic on a connection that we hold: a target's revisions run without its `env.py`.

An `env.py` belongs to Alembic's own command: it opens a database of its own choosing. Here the target says all that is
needed, and each revision is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from fairlead.db.connect import driver_url
from fairlead.db.migrating import state as states
from fairlead.db.migrating.ledger import Driver
from fairlead.errors import DatabaseUnavailable, MigrationFailed
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.target import Target

Steps: TypeAlias = Callable[[Any, MigrationContext], Iterable[MigrationStep]]


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Give a connection of its own to the database at `url`; raises DatabaseUnavailable."""
    engine = create_engine(driver_url(url), poolclass=NullPool, connect_args={"connect_timeout": 10})
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise DatabaseUnavailable(f"The database cannot be reached: {first_line(error)}") from error
    with connection:
        yield connection


def config_of(target: Target) -> Config:
    """Return Alembic's configuration of a target, for its own commands and for `scripts`."""
    config = migrations_of(target).config
    config.set_main_option("version_table", target.version_table)
    return config


def scripts(target: Target) -> ScriptDirectory:
    """Return the target's revisions as Alembic reads them."""
    return ScriptDirectory.from_config(config_of(target))


def options(target: Target) -> dict[str, Any]:
    """Return what a MigrationContext must know of the target."""
    return {
        **migrations_of(target).options,
        "target_metadata": target.metadata,
        "include_schemas": bool(target.schemas),
    }


def current(target: Target, connection: Connection) -> tuple[str, ...]:
    """Return the revisions that the database stands at, () for the base, asked in the connection's transaction.

    Raises MigrationsInvalid when that is noted in another schema than the target says.
    """
    driver: Driver = connection.connection.driver_connection  # type: ignore[assignment]  # psycopg is the only one
    return states.read(driver, migrations_of(target), scripts(target)).heads


def upgrade(target: Target, connection: Connection, revision: str = "head") -> None:
    """Bring the database from where it is to `revision`."""
    script = scripts(target)
    run(target, connection, lambda now, _context: script._upgrade_revs(revision, now), script=script)  # noqa: SLF001 - Alembic's commands use it


def downgrade(target: Target, connection: Connection, revision: str) -> None:
    """Take the database from where it is back to `revision`."""
    script = scripts(target)
    run(target, connection, lambda now, _context: script._downgrade_revs(revision, now), script=script)  # noqa: SLF001 - same


def upgrade_one(target: Target, connection: Connection, revision: Script, *, script: ScriptDirectory) -> None:
    """Apply one revision of those that were read, whose predecessors are applied."""
    step = MigrationStep.upgrade_from_script(script.revision_map, revision)
    run(target, connection, lambda _now, _context: [step], script=script)


def downgrade_one(target: Target, connection: Connection, revision: Script, *, script: ScriptDirectory) -> None:
    """Take back one revision of those that were read, upon which none stands."""
    step = MigrationStep.downgrade_from_script(script.revision_map, revision)
    run(target, connection, lambda _now, _context: [step], script=script)


def run(target: Target, connection: Connection, steps: Steps, *, script: ScriptDirectory) -> None:
    """Run the steps of the revisions that were read on the connection, each in its own transaction; it is left in none.

    Raises MigrationFailed that names the revision and what the database said.
    """
    running: list[str] = []

    def told(now: Any, context: MigrationContext) -> Iterator[MigrationStep]:
        for step in steps(now, context):
            running[:] = [step.short_log]
            yield step

    with EnvironmentContext(config_of(target), script, fn=told) as environment:
        environment.configure(connection=connection, **options(target))
        try:
            with environment.begin_transaction():
                environment.run_migrations()
        except CommandError as error:
            raise MigrationFailed(str(error)) from error
        except DBAPIError as error:
            raise MigrationFailed(f"{' '.join(running) or 'The migrations'}: {first_line(error)}") from error
    connection.rollback()  # of the look at the version table, where there was nothing to run


def first_line(error: DBAPIError) -> str:
    """Return the server's own sentence."""
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error).__name__
