"""The plugin's comparator: it runs after Alembic's own and puts right what those found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp, UpgradeOps
from alembic.runtime.plugins import Plugin, _all_plugins
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, Connection, DefaultClause, MetaData

from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Catalogue, Key, Kind, catalogue_now, read_catalogue
from fairlead.toolkit.change import changes
from fairlead.toolkit.environment import connected
from fairlead.toolkit.plugin.planning import planned
from fairlead.toolkit.shadow import modelled, scratch
from fairlead.toolkit.target import Target

CATALOGUES: Final = "fairlead_catalogues"  # the option of a context that knows both: found and declared
NAME: Final = "fairlead"


def register() -> str:
    """Make the plugin known to Alembic, once, and return its name for `autogenerate_plugins`.

    It is no entry point: Alembic loads those while it is only half imported itself.
    """
    if NAME not in _all_plugins:
        plugin = Plugin(NAME)
        plugin.add_autogenerate_comparator(
            _compare_default, "column", "server_default", qualifier="postgresql", priority=DispatchPriority.FIRST
        )
        plugin.add_autogenerate_comparator(
            _compare_everything, "autogenerate", qualifier="postgresql", priority=DispatchPriority.LAST
        )
    return NAME


def declared_catalogue(target: Target, server_url: str) -> Catalogue:
    """Return what the models declare, asked of a throw-away database on the server; raises as `shadow` does."""
    with scratch(server_url) as url, connected(url) as connection:
        return declared_within(connection, target)


def declared_within(connection: Connection, target: Target) -> Catalogue:
    """Return the same, asked of an empty database that there is already, and that is empty again afterwards."""
    with modelled(connection, target):
        return catalogue_now(connection, target)


def url_of(connection: Connection) -> str:
    """Return the URL of the database that a connection is to, as psycopg takes it."""
    return connection.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _compare_everything(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    found, declared = _catalogues(context)
    upgrade_ops.ops = planned(upgrade_ops.ops, changes(found, declared), found=found, declared=declared)
    return PriorityDispatchResult.CONTINUE


def _compare_default(  # noqa: PLR0917 - Alembic's own signature
    context: AutogenContext,
    operation: AlterColumnOp,
    schema: str | None,
    table: str,
    name: str,
    found_column: Column[Any],
    column: Column[Any],
) -> PriorityDispatchResult:
    """Let the catalogue say whether a default differs, instead of comparing texts or asking the server `a = b`."""
    operation.existing_server_default = found_column.server_default
    key = Key(Kind.COLUMN, schema or DEFAULT_SCHEMA, table, name)
    found, declared = (catalogue.get(key) for catalogue in _catalogues(context))
    plain = isinstance(column.server_default, DefaultClause | None)
    if found and declared and plain and found.facts.get("default") != declared.facts.get("default"):
        operation.modify_server_default = column.server_default
    return PriorityDispatchResult.STOP


def _catalogues(context: AutogenContext) -> tuple[Catalogue, Catalogue]:
    """Return both catalogues; where only Alembic's own environment is known they are read once."""
    if CATALOGUES not in context.opts:
        context.opts[CATALOGUES] = _read(context)
    found, declared = context.opts[CATALOGUES]
    return found, declared


def _read(context: AutogenContext) -> tuple[Catalogue, Catalogue]:
    connection, metadata = context.connection, context.metadata
    assert connection is not None  # noqa: S101 - autogenerate refuses to run offline
    target = _target(context, metadata)
    with connected(url_of(connection)) as another:
        found = read_catalogue(another, target)
    return found, declared_catalogue(target, url_of(connection))


def _target(context: AutogenContext, metadata: MetaData | Sequence[MetaData] | None) -> Target:
    assert isinstance(metadata, MetaData)  # noqa: S101 - one application, one metadata
    migrations = context.migration_context
    schemas = sorted({table.schema for table in metadata.tables.values() if table.schema})
    return Target(
        name=NAME,
        metadata=metadata,
        migrations=Path(migrations.script.dir) if migrations.script else Path(),
        version_table=migrations.version_table,
        version_schema=migrations.version_table_schema,
        schemas=(DEFAULT_SCHEMA, *schemas) if context.opts.get("include_schemas") else (),
    )
