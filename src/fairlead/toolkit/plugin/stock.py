"""What Alembic's own comparison found, held against the catalogue: kept where that shows a difference, else left out.

Of each operation that is kept it is noted what it takes care of, so that the plugin adds the rest and nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Column, Constraint
from sqlalchemy.sql.elements import conv

from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Key, Kind, Thing
from fairlead.toolkit.change import Action, Change
from fairlead.toolkit.naming import PREPARER, unquoted
from fairlead.toolkit.plugin.indexes import drop_index
from fairlead.toolkit.plugin.whole_tables import circles, leave_alone, made_by

Changes: TypeAlias = Mapping[Key, Change]
Covered: TypeAlias = dict[Key, set[str] | None]  # the facts that are taken care of; None: all of them
# What is made of a new thing, beside its comment.
_MADE: Final[dict[Kind, set[str]]] = {
    Kind.COLUMN: {"type", "collation", "nullable", "default", "generated", "generated kind", "comment"}
    | {"identity", "identity sequence"},
    Kind.CONSTRAINT: {"definition", "expression", "columns", "type", "validated"},
    Kind.INDEX: {"definition", "predicate", "unique", "valid", "statistics"},
}
# What a table made by Alembic has by itself, when its model says so.
MADE_WITH_A_TABLE: Final = {"partition key", "inherits", "persistence", "comment"}


def kept(operations: Iterable[MigrateOperation], changes: Changes) -> tuple[list[MigrateOperation], Covered]:
    """Return the operations that stand, flat, and what they take care of."""
    standing: list[MigrateOperation] = []
    covered: Covered = {}
    everything = list(_flat(operations))
    apart = circles(everything)
    for operation in everything:
        leave_alone(operation, apart)
        care = _care(operation, changes)
        if care:
            covered.update({key: _both(covered.get(key, set()), facts) for key, facts in care.items()})
            _name_it(operation, care)
            standing.append(_reversible(operation, changes))
    return standing, covered


def _flat(operations: Iterable[MigrateOperation]) -> Iterator[MigrateOperation]:
    for operation in operations:
        if isinstance(operation, ops.OpContainer):
            yield from _flat(operation.ops)
        else:
            yield operation


def _reversible(operation: MigrateOperation, changes: Changes) -> MigrateOperation:
    """Return the operation with a way back to what the catalogue says, of which reflection tells only a part."""
    if isinstance(operation, ops.DropIndexOp):
        found = changes[_key(operation, changes)].found
        return operation if found is None else drop_index(found)
    if isinstance(operation, ops.DropTableOp):
        key = Key(Kind.TABLE, operation.schema or DEFAULT_SCHEMA, operation.table_name, operation.table_name)
        if partitioned := changes[key].thing.facts.get("partition key"):
            operation.table_kw["postgresql_partition_by"] = partitioned
    return operation


def _name_it(operation: MigrateOperation, care: Covered) -> None:
    """Give a constraint without a name the one that PostgreSQL gave it, so that the way back finds it."""
    if isinstance(operation, ops.AddConstraintOp) and not _name(operation.to_constraint()):
        [key] = care
        cast("Any", operation).constraint_name = conv(key.name)


def _both(one: set[str] | None, other: set[str] | None) -> set[str] | None:
    return None if one is None or other is None else one | other


def _care(operation: MigrateOperation, changes: Changes) -> Covered:
    """Return what the operation takes care of; nothing when the catalogue shows no difference there."""
    if isinstance(operation, ops.CreateTableOp):
        return _of_new_table(operation, changes)
    if isinstance(operation, ops.DropTableOp):
        return _of_old_table(operation, changes)
    if isinstance(operation, ops.AlterColumnOp):
        return _of_altered_column(operation, changes)
    if isinstance(operation, ops.CreateTableCommentOp | ops.DropTableCommentOp):
        key = Key(Kind.TABLE, operation.schema or DEFAULT_SCHEMA, operation.table_name, operation.table_name)
        return {key: {"comment"}} if key in changes and "comment" in changes[key].facts else {}
    key = _key(operation, changes)
    if key not in changes or _is_beyond(changes[key], operation):
        return {}
    made = _made_of(operation.column) if isinstance(operation, ops.AddColumnOp) else _MADE[key.kind]
    return {key: made if changes[key].action is Action.ADD else None}


def _made_of(column: Column[Any]) -> set[str]:
    """Return what is made of a new column; a default only where the model has one: DDL that listens may set it."""
    table = getattr(column, "table", None)
    serial = table is not None and table.autoincrement_column is column
    return _MADE[Kind.COLUMN] if serial or column.server_default is not None else _MADE[Kind.COLUMN] - {"default"}


def _is_beyond(change: Change, operation: MigrateOperation) -> bool:
    """Tell whether Alembic cannot write it: the INCLUDE of a constraint, a column that only DDL that listens makes."""
    if change.kind is Kind.COLUMN:
        return isinstance(operation, ops.DropColumnOp) and change.action is not Action.REMOVE
    return change.kind is Kind.CONSTRAINT and any(
        " INCLUDE (" in side.facts["definition"] for side in (change.found, change.declared) if side
    )


def _key(operation: Any, changes: Changes) -> Key:
    if isinstance(operation, ops.CreateForeignKeyOp):
        schema = operation.kw.get("source_schema") or DEFAULT_SCHEMA
        return _key_of_constraint(operation.to_constraint(), schema, operation.source_table, changes)
    schema, table = operation.schema or DEFAULT_SCHEMA, str(getattr(operation, "table_name", ""))
    if isinstance(operation, ops.AddColumnOp):
        return Key(Kind.COLUMN, schema, table, str(operation.column.name))
    if isinstance(operation, ops.DropColumnOp):
        return Key(Kind.COLUMN, schema, table, str(operation.column_name))
    if isinstance(operation, ops.CreateIndexOp | ops.DropIndexOp):
        return Key(Kind.INDEX, schema, table, str(operation.index_name))
    if isinstance(operation, ops.AddConstraintOp):
        return _key_of_constraint(operation.to_constraint(), schema, table, changes)
    return Key(Kind.CONSTRAINT, schema, table, str(getattr(operation, "constraint_name", "")))


def _key_of_constraint(constraint: Constraint, schema: str, table: str, changes: Changes) -> Key:
    """Return the key of a new constraint, whose name a convention may make; without one it is known by its columns."""
    named = Key(Kind.CONSTRAINT, schema, table, _name(constraint))
    columns = [column.name for column in getattr(constraint, "columns", [])]
    if named.name:
        return named
    kind = _KINDS.get(constraint.__visit_name__)
    alike = (
        key
        for key, change in changes.items()
        if key[:3] == named[:3] and change.declared and change.declared.facts["type"] == kind
    )
    return next((key for key in alike if changes[key].thing.facts.get("columns") == columns), named)


_KINDS: Final = {
    "primary_key_constraint": "primary key",
    "unique_constraint": "unique",
    "foreign_key_constraint": "foreign key",
    "check_constraint": "check",
    "exclude_constraint": "exclusion",
}


def _name(constraint: Constraint) -> str:
    quoted_name = PREPARER.format_constraint(constraint) if constraint.name is not None else None
    return unquoted(quoted_name or "")


def _of_new_table(operation: ops.CreateTableOp, changes: Changes) -> Covered:
    schema = operation.schema or DEFAULT_SCHEMA
    table = Key(Kind.TABLE, schema, operation.table_name, operation.table_name)
    if table not in changes or changes[table].action is not Action.ADD:
        return {}
    made = operation.to_table()
    options = made.dialect_options["postgresql"]
    facts = MADE_WITH_A_TABLE | ({"storage parameters"} if options["with"] else set())
    facts -= set() if options["inherits"] else {"inherits"}  # by DDL, which comes when the table is there
    covered: Covered = {table: facts}
    for column in made.columns:
        key = Key(Kind.COLUMN, schema, made.name, column.name)
        covered |= {key: _made_of(column)} if key in changes else {}
    for constraint in (item for item in operation.columns if isinstance(item, Constraint)):
        key = _key_of_constraint(constraint, schema, made.name, changes)
        if key in changes:
            covered[key] = _MADE[Kind.CONSTRAINT]
    return covered


def _of_old_table(operation: ops.DropTableOp, changes: Changes) -> Covered:
    key = Key(Kind.TABLE, operation.schema or DEFAULT_SCHEMA, operation.table_name, operation.table_name)
    if key not in changes or changes[key].action is not Action.REMOVE:
        return {}
    if changes[key].thing.facts.get("partition of"):
        return {}  # made again it would be a table of its own
    made = {str(getattr(item, "name", None)) for item in made_by(operation).columns}
    inside = (one for one in changes if one[1:3] == key[1:3] and one.kind in {Kind.COLUMN, Kind.CONSTRAINT})
    return dict.fromkeys([key, *(one for one in inside if not _made_apart(changes[one].thing, made))])


def _made_apart(thing: Thing, made: Collection[str]) -> bool:
    """Tell whether it does not come with its table when that is made again."""
    kind = thing.facts["type"] if thing.kind is Kind.CONSTRAINT else None
    return kind == "exclusion" or (kind in {"check", "foreign key"} and thing.name not in made)


def _of_altered_column(operation: ops.AlterColumnOp, changes: Changes) -> Covered:
    """Return what is altered; what the catalogue shows to be equal is taken out of the operation."""
    key = Key(Kind.COLUMN, operation.schema or DEFAULT_SCHEMA, operation.table_name, operation.column_name)
    differing = changes[key].facts if key in changes else {}
    facts: set[str] = set()
    cast = key in changes and (_needs_a_cast(changes[key]) or _is_identity(changes[key]))
    for attribute, nothing, concerned in _ALTERED:
        if getattr(operation, attribute) is nothing:
            continue
        if concerned.isdisjoint(differing) or (cast and attribute in {"modify_type", "modify_server_default"}):
            setattr(operation, attribute, nothing)
        else:
            facts |= concerned
    return {key: facts} if facts else {}


def _is_identity(change: Change) -> bool:
    """Tell whether it numbers rows by itself, so that it has no default, and a sequence that its type is of too."""
    return any(side is not None and side.facts.get("identity") for side in (change.found, change.declared))


def _needs_a_cast(change: Change) -> bool:
    """Tell whether a new type is not reached by itself, so that USING has to say how, and the default is in the way."""
    found, declared = change.facts.get("type", ("", ""))
    families = (_TEXTS, _NUMBERS, _TIMES)
    return found != declared and not any(found.startswith(one) and declared.startswith(one) for one in families)


_TEXTS: Final = ("text", "character", "name")
_NUMBERS: Final = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
_TIMES: Final = ("timestamp", "date")
_ALTERED: Final[tuple[tuple[str, Any, set[str]], ...]] = (
    ("modify_type", None, {"type", "collation"}),
    ("modify_nullable", None, {"nullable"}),
    ("modify_server_default", False, {"default"}),
    ("modify_comment", False, {"comment"}),
)
