"""The difference between a database and the models: what differs, and Alembic's operations that make it equal.

Whether something differs is decided by PostgreSQL's catalogue alone (`change.py`); the operations are Alembic's own
where it has one, and the plugin's for the rest.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate import produce_migrations
from alembic.operations.ops import DowngradeOps, UpgradeOps
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection
from sqlalchemy.types import NullType

from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Catalogue, Key, Kind, Thing, read_catalogue
from fairlead.toolkit.change import Change, changes
from fairlead.toolkit.environment import options
from fairlead.toolkit.plugin.comparator import CATALOGUES, declared_catalogue, declared_within, register
from fairlead.toolkit.reflection import Named
from fairlead.toolkit.target import Target

__all__ = ["Difference", "declared_catalogue", "declared_within", "difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, every single thing; the operations that make the database what is declared; and the way back."""

    changes: tuple[Change, ...]
    upgrade: UpgradeOps
    downgrade: DowngradeOps


def difference(
    target: Target, connection: Connection, *, declared: Catalogue, found: Catalogue | None = None
) -> Difference:
    """Compare the database of `connection` with what the models declare; the connection is left in no transaction.

    `found` is what is there when that is known.
    """
    if found is None:
        found = read_catalogue(connection, target)
    everything = changes(found, declared)
    if not everything:
        return Difference((), UpgradeOps([]), DowngradeOps([]))
    by_key = {change.key: change for change in everything}
    context = MigrationContext.configure(
        connection,
        opts={
            **options(target),
            "compare_type": _compares(by_key, "type", "collation"),
            "compare_server_default": True,
            "autogenerate_plugins": ["alembic.autogenerate.*", register()],
            "include_name": _includes(target),
            CATALOGUES: (found, declared),
        },
    )
    _mend_reflection(context.impl, found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what reflection leaves out; the catalogue leaves nothing out
        script = produce_migrations(context, target.metadata)
    connection.rollback()
    assert script.upgrade_ops is not None  # noqa: S101 - it has just been produced
    assert script.downgrade_ops is not None  # noqa: S101 - same
    return Difference(tuple(everything), script.upgrade_ops, script.downgrade_ops)


def _mend_reflection(impl: Any, found: Catalogue) -> None:
    """Let Alembic see columns as they are where SQLAlchemy reflects them otherwise.

    It knows not every type, takes what a domain says of its values for the column's own, and Alembic fails on the
    sequence of a serial column where its name has an apostrophe.
    """
    reflect = impl.autogen_column_reflect

    def mended(inspector: Any, table: Any, column: dict[str, Any]) -> None:
        thing = found.get(Key(Kind.COLUMN, table.schema or DEFAULT_SCHEMA, table.name, column["name"]))
        if thing is not None:
            _as_it_is(column, thing)
        default = column.get("default") or ""
        if "''" not in default:
            reflect(inspector, table, column)
            return
        seen = {**column, "default": default.replace("''", "'")}
        reflect(inspector, table, seen)
        if "default" not in seen:
            del column["default"]

    impl.autogen_column_reflect = mended


def _as_it_is(column: dict[str, Any], thing: Thing) -> None:
    if isinstance(column["type"], NullType):
        column["type"] = Named(thing.facts["type"])
    column["nullable"] = thing.facts["nullable"]
    if "default" not in thing.facts:
        column["default"] = None


def _compares(by_key: dict[Key, Change], *facts: str) -> Callable[..., bool]:
    """Return a comparison of one side of columns that asks what the catalogue says."""

    def compare(_context: Any, _found: Column[Any], declared: Column[Any], *_sides: Any) -> bool:
        table = declared.table
        change = by_key.get(Key(Kind.COLUMN, table.schema or DEFAULT_SCHEMA, table.name, declared.name))
        return change is not None and not change.facts.keys().isdisjoint(facts)

    return compare


def _includes(target: Target) -> Callable[..., bool]:
    schemas = set(target.schemas or (DEFAULT_SCHEMA,))

    def includes(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "schema" or (name or DEFAULT_SCHEMA) in schemas

    return includes
