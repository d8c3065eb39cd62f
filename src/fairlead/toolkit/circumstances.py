"""What decides how a revision's operations are written: of the database that it begins at, and of each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from alembic.operations import ops
from sqlalchemy import Connection, MetaData, text

from fairlead.toolkit.beside import makes_anew, retyped
from fairlead.toolkit.catalogue import Kind
from fairlead.toolkit.change import Action
from fairlead.toolkit.decisions import Decided
from fairlead.toolkit.naming import path_of
from fairlead.toolkit.operations import enum_of
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.renames import Rename
from fairlead.toolkit.safe_ddl import Facts, Table
from fairlead.toolkit.stand_ins import stand_ins
from fairlead.toolkit.target import Target

_RELATIONS: Final = {Kind.TABLE, Kind.VIEW}  # partitions and materialized views have indexes of their own
_PARTITIONED: Final = text("""
    select nullif(n.nspname, 'public'), c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'p'
""")
_HAS_CAST: Final = text("""
    select exists (select from pg_cast where castsource = to_regtype(:now) and casttarget = to_regtype(:was))
        or exists (select from pg_type where oid in (to_regtype(:now), to_regtype(:was)) and typcategory = 'S')
""")


def facts_of(target: Target, found: Decided, connection: Connection) -> Facts:
    """Return the facts of what is to be done on the database of the connection, in whose transaction it is asked."""
    return Facts(
        target.metadata,
        partitioned=frozenset((schema, name) for schema, name in connection.execute(_PARTITIONED)),
        fills=found.fills,
        casts=found.casts,
        by_text=frozenset(_without_cast_back(found.operations, connection)),
        stand_ins=dict(stand_ins(found.operations, connection)),
    )


def _without_cast_back(operations: Iterable[ops.MigrateOperation], connection: Connection) -> Iterator[str]:
    for leaf in operations:
        if isinstance(leaf, CatalogueOp) and retyped(leaf) and "type" in leaf.change.facts:
            was, now = leaf.change.facts["type"]
            if not connection.execute(_HAS_CAST, {"was": was, "now": now}).scalar_one():
                yield path_of(leaf.schema, leaf.table_name, leaf.change.name)


def renamed(metadata: MetaData, renames: Iterable[Rename]) -> Iterator[Table]:
    """Yield the tables that have another name afterwards, or something in them that has."""
    for rename in renames:
        if rename.old.kind == "value":
            yield from _having_enum(metadata, rename.old.within)
        elif rename.old.kind is Kind.ENUM:
            yield from _having_enum(metadata, rename.new.name)
        elif rename.old.kind in {Kind.TABLE, Kind.COLUMN}:
            yield rename.new.schema, rename.new.within or rename.new.name


def meeting(leaves: Iterable[ops.MigrateOperation], facts: Facts) -> Facts:
    """Return the facts with what the operations make, drop and change the type of."""
    made, gone, changing = set[Table](), set[Table](), set[Table]()
    operations = list(leaves)
    for leaf in operations:
        if isinstance(leaf, ops.CreateTableOp):
            made.add((leaf.schema, leaf.table_name))
        elif isinstance(leaf, ops.DropTableOp):
            gone.add((leaf.schema, leaf.table_name))
        elif isinstance(leaf, CatalogueOp) and leaf.change.action is Action.ADD and leaf.change.kind in _RELATIONS:
            made.add((leaf.schema, leaf.change.name))
        elif isinstance(leaf, CatalogueOp) and makes_anew(leaf):
            changing.update(_having_enum(facts.metadata, leaf.change.name))
        elif (
            (isinstance(leaf, ops.AlterColumnOp) and leaf.modify_type is not None)
            or (isinstance(leaf, ops.AddColumnOp) and not facts.forward and not leaf.column.nullable)
            or (isinstance(leaf, CatalogueOp) and retyped(leaf))
        ):
            changing.add((leaf.schema, leaf.table_name))
    return replace(
        facts,
        fresh=frozenset(made),
        gone=frozenset(gone),
        retyped=frozenset(changing),
    )


def _having_enum(metadata: MetaData, name: str | None) -> Iterator[Table]:
    for table in metadata.tables.values():
        if any(getattr(enum_of(column), "name", None) == name for column in table.columns):
            yield table.schema, table.name
