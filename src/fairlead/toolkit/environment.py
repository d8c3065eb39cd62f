"""Alembic on a connection that we hold: a target's revisions run without its `env.py`.

An `env.py` belongs to Alembic's own command: it opens a database of its own choosing. Here the target says all that is
needed, and each revision is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, TypeAlias

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from fairlead.db.connect import driver_url
from fairlead.errors import DatabaseUnavailable, MigrationFailed
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.target import DEFAULT_SCHEMA, Target

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


def located(target: Target, connection: Connection) -> Target:
    """Return the target with the schema that its version table is in, wherever the search path leads meanwhile.

    Asked in the transaction of the connection; where there is no such table the target is as it was.
    """
    if target.version_schema is not None:
        return target
    schemas = [DEFAULT_SCHEMA, *target.schemas]
    found = connection.execute(text(_LOCATED), {"schemas": schemas, "name": target.version_table}).scalar()
    return replace(target, version_schema=found) if found else target


_LOCATED: Final = """
select schema from unnest(current_schemas(false) || cast(:schemas as name[])) with ordinality as s (schema, place)
where to_regclass(format('%I.%I', schema, cast(:name as text))) is not null order by place limit 1
"""


def current(target: Target, connection: Connection) -> tuple[str, ...]:
    """Return the revisions that the database stands at; () is the base."""
    heads = MigrationContext.configure(connection, opts=options(located(target, connection))).get_current_heads()
    connection.rollback()
    return heads


def upgrade(target: Target, connection: Connection, revision: str = "head") -> None:
    """Bring the database from where it is to `revision`."""
    script = scripts(target)
    run(target, connection, lambda now, _context: script._upgrade_revs(revision, now))  # noqa: SLF001 - Alembic's commands use it


def downgrade(target: Target, connection: Connection, revision: str) -> None:
    """Take the database from where it is back to `revision`."""
    script = scripts(target)
    run(target, connection, lambda now, _context: script._downgrade_revs(revision, now))  # noqa: SLF001 - same


def upgrade_one(target: Target, connection: Connection, revision: str) -> None:
    """Apply one revision, whose predecessors are applied."""
    known = scripts(target).revision_map
    step = MigrationStep.upgrade_from_script(known, known.get_revision(revision))  # type: ignore[arg-type]
    run(target, connection, lambda _now, _context: [step])


def downgrade_one(target: Target, connection: Connection, revision: str) -> None:
    """Take back one revision, upon which none stands."""
    known = scripts(target).revision_map
    step = MigrationStep.downgrade_from_script(known, known.get_revision(revision))  # type: ignore[arg-type]
    run(target, connection, lambda _now, _context: [step])


def run(target: Target, connection: Connection, steps: Steps) -> None:
    """Run the steps on the connection, each in its own transaction.

    Raises MigrationFailed that names the revision and what the database said.
    """
    running: list[str] = []

    def told(now: Any, context: MigrationContext) -> Iterator[MigrationStep]:
        for step in steps(now, context):
            running[:] = [step.short_log]
            yield step

    with EnvironmentContext(config_of(target), scripts(target), fn=told) as environment:
        environment.configure(connection=connection, **options(target))
        try:
            with environment.begin_transaction():
                environment.run_migrations()
        except CommandError as error:
            raise MigrationFailed(str(error)) from error
        except DBAPIError as error:
            raise MigrationFailed(f"{' '.join(running) or 'The migrations'}: {first_line(error)}") from error


def first_line(error: DBAPIError) -> str:
    """Return the server's own sentence."""
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error).__name__
