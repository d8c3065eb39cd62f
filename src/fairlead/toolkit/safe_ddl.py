"""One operation as statements that do not stop the application that is running (`rewrite.py` puts them together)."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from alembic.operations import ops
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ClauseElement, conv

from fairlead.toolkit.backfill import fill_statement, has_to_be_given, stand_in
from fairlead.toolkit.beside import catalogue_parts, retyped
from fairlead.toolkit.naming import key_of, path_of, quoted
from fairlead.toolkit.operations import statements, type_change
from fairlead.toolkit.plugin.operation import CatalogueOp

Table: TypeAlias = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides how something is done. Tables are (schema, name)."""

    metadata: MetaData
    fresh: frozenset[Table] = frozenset()  # made in this revision
    renamed: frozenset[Table] = frozenset()  # renamed in this revision, or having a column or a value that is
    retyped: frozenset[Table] = frozenset()  # having a column whose type changes in this revision
    gone: frozenset[Table] = frozenset()  # dropped in this revision, with all that is on them
    partitioned: frozenset[Table] = frozenset()  # have no concurrent indexes, and their rows elsewhere
    fills: dict[str, str] = field(default_factory=dict)  # "table.column" to the expression that empty rows get
    casts: dict[str, str] = field(default_factory=dict)  # "table.column" to the expression that converts
    by_text: frozenset[str] = frozenset()  # columns whose new type has no cast to the old one: it goes back by text
    stand_ins: dict[str, str | None] = field(default_factory=dict)  # what columns get that a downgrade brings back
    new: re.Pattern[str] | None = None  # finds the names of types, functions, … that are made in this revision
    replaced: frozenset[tuple[Table | None, str]] = frozenset()  # indexes and unique constraints made anew
    forward: bool = True  # False: a downgrade, which has no revision that follows

    def busy(self, table: Table) -> bool:
        """Say whether the application may be using the table, and the table can be worked on beside it."""
        return table not in self.fresh and table not in self.partitioned

    def fill(self, table: Table, column: str, value: str) -> str:
        """Return what gives the empty rows of a table their value; the column comes quoted."""
        return fill_statement(quoted(*table), column, value, partitioned=table in self.partitioned)


@dataclass(frozen=True, slots=True)
class Part:
    """One operation as statements."""

    alone: tuple[str, ...] = ()
    together: tuple[str, ...] = ()


def plain(leaf: ops.MigrateOperation, facts: Facts) -> Part:
    """Return an operation as it is, for a table that nobody uses."""
    return Part(together=tuple(statements(leaf, facts.metadata)))


def name_of(leaf: Any) -> tuple[Table | None, str]:
    """Return what an index or a constraint is called, with its table."""
    return table_of(leaf), str(getattr(leaf, "index_name", None) or getattr(leaf, "constraint_name", None))


def table_of(leaf: ops.MigrateOperation) -> Table | None:
    """Return the table that an operation is about."""
    if isinstance(leaf, ops.CreateForeignKeyOp):
        return leaf.kw.get("source_schema"), leaf.source_table
    name = getattr(leaf, "table_name", None)
    return None if not name else (getattr(leaf, "schema", None), str(name))


def part_of(leaf: ops.MigrateOperation, facts: Facts, *, early: bool = False) -> Part:
    """Return one operation's statements; `early`: something is built on its table before the transaction."""
    if isinstance(leaf, CatalogueOp):
        leaf = _converted(leaf, facts)
        return Part(*catalogue_parts(leaf, busy=facts.busy((leaf.schema, leaf.table_name))))
    if isinstance(leaf, ops.AddColumnOp):
        return _column(leaf, facts, early=early)
    table = table_of(leaf) or (None, "")
    if isinstance(leaf, ops.AlterColumnOp) and table not in facts.fresh:
        return _altered(leaf, facts)
    for kind, rewriter in _REWRITERS.items():
        if isinstance(leaf, kind) and facts.busy(table):
            return rewriter(leaf, facts)
    return plain(leaf, facts)


def _converted(leaf: CatalogueOp, facts: Facts) -> CatalogueOp:
    """Return it with the conversion of a column's values that was given, or that there is on the way back."""
    changed, path = retyped(leaf), path_of(leaf.schema, leaf.table_name, leaf.change.name)
    if changed is None:
        return leaf
    before, using, usual = changed.partition(" using ")
    cast = facts.casts.get(path) if facts.forward else None
    if not facts.forward and path in facts.by_text and using:
        name, cast_to, kind = usual.partition("::")
        cast = f"{name}::text{cast_to}{kind}"
    given = f"{before} using {cast}" if cast else changed
    return CatalogueOp(leaf.change, tuple(given if one == changed else one for one in leaf.statements), leaf.back)


def _column(leaf: ops.AddColumnOp, facts: Facts, *, early: bool) -> Part:
    """Add a column; where existing rows need a value: without the value, which is filled in, then insisted on."""
    column = leaf.column
    if (leaf.schema, leaf.table_name) in facts.fresh:
        return Part(together=tuple(statements(leaf, facts.metadata)))
    if facts.forward and _differs_by_row(column):
        return _filled_by_default(leaf, facts)
    if not has_to_be_given(column):
        if early and not _is_new(leaf, facts):
            leaf = _copied(leaf, column, if_not_exists=True)
            return Part(alone=tuple(statements(leaf, facts.metadata)))
        return Part(together=tuple(statements(leaf, facts.metadata)))
    if not facts.forward:
        return Part(together=_brought_back(leaf, facts))
    bare = column._copy()  # noqa: SLF001 - Alembic does
    bare.nullable = True
    added = statements(_copied(leaf, bare, if_not_exists=True), facts.metadata)
    insisted = _insist(leaf.schema, leaf.table_name, str(column.name), facts)
    return Part(alone=(*added, *insisted.alone), together=insisted.together)


def _is_new(leaf: ops.AddColumnOp, facts: Facts) -> bool:
    """Say whether its type or its default is made in the transaction, so that the column cannot come before it."""
    return facts.new is not None and any(map(facts.new.search, statements(leaf, facts.metadata)))


def _differs_by_row(column: Any) -> bool:
    """Say whether the default is another for each row, so that adding it with the column writes the table anew."""
    return column.server_default is not None and _VOLATILE.search(_default(column.server_default)) is not None


_VOLATILE: Final = re.compile(r"(?i)\b(?:\w*uuid\w*|\w*random\w*|clock_timestamp|timeofday|nextval)\s*\(")


def _filled_by_default(leaf: ops.AddColumnOp, facts: Facts) -> Part:
    """Add a column empty, give it its default for new rows, and fill those that are there in batches."""
    name = quoted(str(leaf.column.name))
    bare = leaf.column._copy()  # noqa: SLF001 - Alembic does
    bare.nullable, bare.server_default = True, None
    [added, *comments] = statements(_copied(leaf, bare, if_not_exists=True), facts.metadata)
    added += f", ALTER COLUMN {name} SET DEFAULT {_default(leaf.column.server_default)}"
    if leaf.column.nullable:
        return Part(alone=(added, *comments, facts.fill((leaf.schema, leaf.table_name), name, "DEFAULT")))
    insisted = _insist(leaf.schema, leaf.table_name, str(leaf.column.name), facts, default="DEFAULT")
    return Part(alone=(added, *comments, *insisted.alone), together=insisted.together)


def _copied(leaf: ops.AddColumnOp, column: Any, *, if_not_exists: bool) -> ops.AddColumnOp:
    return ops.AddColumnOp(leaf.table_name, column, schema=leaf.schema, if_not_exists=if_not_exists)


def _brought_back(leaf: ops.AddColumnOp, facts: Facts) -> tuple[str, ...]:
    """Add a column whose values are gone for good: rows get a stand-in, or there have to be none."""
    path = path_of(leaf.schema, leaf.table_name, str(leaf.column.name))
    value = facts.stand_ins.get(path, stand_in(leaf.column.type))
    if value is None:
        return tuple(statements(leaf, facts.metadata))
    table, column = quoted(leaf.schema, leaf.table_name), quoted(str(leaf.column.name))
    [added, *others] = statements(leaf, facts.metadata)
    return (
        added.replace(" NOT NULL", f" DEFAULT {value} NOT NULL"),
        f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT",
        *others,
    )


def _insist(schema: str | None, table: str, column: str, facts: Facts, *, default: str = "") -> Part:
    """Fill what is empty, then set NOT NULL by a validated check, which spares the scan under an exclusive lock.

    What a writer moved meanwhile to where rows were filled already is filled when the check lets no more of it come.
    """
    path, name = quoted(schema, table), quoted(column)
    check = quoted(f"{table[:25]}_{column[:25]}_not_empty")
    fill = facts.fills.get(path_of(schema, table, column), default)
    drop = f"ALTER TABLE {path} DROP CONSTRAINT IF EXISTS {check}"
    added = f"{drop}, ADD CONSTRAINT {check} CHECK ({name} IS NOT NULL) NOT VALID"
    filled = fill.upper() not in {"", "NULL"}
    return Part(
        alone=(
            *((facts.fill((schema, table), name, fill),) if filled else ()),
            added,
            *((f"UPDATE {path} SET {name} = {fill} WHERE {name} IS NULL",) if filled else ()),  # noqa: S608 - a person's SQL
            f"ALTER TABLE {path} VALIDATE CONSTRAINT {check}",
        ),
        together=(
            f"ALTER TABLE {path} ALTER COLUMN {name} SET NOT NULL",
            f"ALTER TABLE {path} DROP CONSTRAINT {check}",
        ),
    )


def _altered(leaf: ops.AlterColumnOp, facts: Facts) -> Part:
    """Change a column: NOT NULL the slow way, a type with its default out of the way, the rest as it is.

    A default that comes with NOT NULL comes first: who writes meanwhile without the column is not refused.
    """
    together: list[str] = []
    path, name = quoted(leaf.schema, leaf.table_name), quoted(leaf.column_name)
    if leaf.modify_type is not None:
        together.extend(_retyped(leaf, facts))
    rest = _rest(leaf)
    first: list[str] = []
    if leaf.modify_nullable is False and leaf.modify_type is None and leaf.modify_server_default:
        first = statements(_rest(leaf, comment=False), facts.metadata)
        rest.modify_server_default = False
    if rest.has_changes():
        together.extend(statements(rest, facts.metadata))
    if leaf.modify_nullable is False:
        default = _default(leaf.modify_server_default) if leaf.modify_server_default else ""
        if leaf.modify_server_default is False and leaf.existing_server_default:
            default = "DEFAULT"
        insisted = _insist(leaf.schema, leaf.table_name, leaf.column_name, facts, default=default)
        return Part((*first, *insisted.alone), (*together, *insisted.together))
    if leaf.modify_nullable is True:
        together.append(f"ALTER TABLE {path} ALTER COLUMN {name} DROP NOT NULL")
    return Part(together=tuple(together))


def plainly_altered(leaf: ops.AlterColumnOp, facts: Facts) -> list[str]:
    """Return the statements that change a column at once, for one transaction: type, the rest, values, NOT NULL."""
    path, name = quoted(leaf.schema, leaf.table_name), quoted(leaf.column_name)
    done = _retyped(leaf, facts) if leaf.modify_type is not None else []
    rest = _rest(leaf)
    if rest.has_changes():
        done = [*done, *statements(rest, facts.metadata)]
    if leaf.modify_nullable is None:
        return done
    default = leaf.existing_server_default if leaf.modify_server_default is False else leaf.modify_server_default
    by_itself = "NULL" if default is None or default is False else "DEFAULT"
    fill = facts.fills.get(path_of(leaf.schema, leaf.table_name, leaf.column_name), by_itself)
    if not leaf.modify_nullable and fill.upper() != "NULL":
        done = [*done, f"UPDATE {path} SET {name} = {fill} WHERE {name} IS NULL"]  # noqa: S608 - a person's SQL
    return [*done, f"ALTER TABLE {path} ALTER COLUMN {name} {'DROP' if leaf.modify_nullable else 'SET'} NOT NULL"]


def _rest(leaf: ops.AlterColumnOp, *, comment: bool = True) -> ops.AlterColumnOp:
    """Return the operation without its type and without NOT NULL, and without its comment when that is not wanted."""
    return ops.AlterColumnOp(
        leaf.table_name,
        leaf.column_name,
        schema=leaf.schema,
        existing_type=leaf.modify_type if leaf.modify_type is not None else leaf.existing_type,
        existing_server_default=leaf.existing_server_default,
        existing_nullable=leaf.existing_nullable,
        existing_comment=leaf.existing_comment,
        modify_server_default=leaf.modify_server_default,
        modify_comment=leaf.modify_comment if comment else False,
    )


def _retyped(leaf: ops.AlterColumnOp, facts: Facts) -> list[str]:
    path, name = quoted(leaf.schema, leaf.table_name), quoted(leaf.column_name)
    [changed] = statements(type_change(leaf), facts.metadata)
    cast = facts.casts.get(path_of(leaf.schema, leaf.table_name, leaf.column_name))
    if cast is None and not facts.forward:
        wanted = changed.rpartition(" TYPE ")[2].partition(" COLLATE ")[0]
        cast = f"{name}::text" + (f"::{wanted}" if wanted != "TEXT" else "")
    if cast:
        changed += f" USING {cast}"
    if leaf.existing_server_default in {None, False}:
        return [changed]
    restored = _kept_default(leaf, facts)
    return [f"ALTER TABLE {path} ALTER COLUMN {name} DROP DEFAULT", changed, *restored]


def _kept_default(leaf: ops.AlterColumnOp, facts: Facts) -> list[str]:
    """Return what gives a column its default again; the old one was written for the old type."""
    if leaf.modify_server_default is not False:
        return []
    default = leaf.existing_server_default
    if facts.forward:
        default = facts.metadata.tables[key_of(leaf.schema, leaf.table_name)].columns[leaf.column_name].server_default
    kept = ops.AlterColumnOp(
        leaf.table_name,
        leaf.column_name,
        schema=leaf.schema,
        existing_type=leaf.modify_type,
        modify_server_default=default,
    )
    return statements(kept, facts.metadata)


def _default(default: Any) -> str:
    """Return a default as DEFAULT has it: a string is a text, `text("…")` and functions are expressions."""
    argument = getattr(default, "arg", default)
    known = isinstance(argument, str | ClauseElement)
    return str(_DDL.render_default_string(argument)) if known else ""


_DIALECT: Final = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # same; others double each %
_DDL: Final = _DIALECT.ddl_compiler(_DIALECT, None)  # type: ignore[arg-type]  # a default is of no statement


def _indexed(leaf: ops.CreateIndexOp, facts: Facts) -> Part:
    name, place = str(leaf.index_name), partial(quoted, leaf.schema)
    beside = copy(leaf)
    beside.kw, beside.if_not_exists = {**leaf.kw, "postgresql_concurrently": True}, True
    if name_of(leaf) in facts.replaced:
        beside.index_name = conv(_stand_in_name(name))
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {place(str(beside.index_name))}"
    alone = (drop, *statements(beside, facts.metadata))
    if beside.index_name == name:
        return Part(alone)
    renamed = f"ALTER INDEX {place(str(beside.index_name))} RENAME TO {quoted(name)}"
    return Part(alone, (f"DROP INDEX IF EXISTS {place(name)}", renamed))


def _stand_in_name(name: str) -> str:
    """Return what is built beside something of that name is called, until it takes the old one's place."""
    return f"{name[:59]}_new"


def _unindexed(leaf: ops.DropIndexOp, facts: Facts) -> Part:
    if name_of(leaf) in facts.replaced:
        return Part()  # by the new one
    return Part(alone=(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted(leaf.schema, str(leaf.index_name))}",))


def _unique(leaf: ops.CreateUniqueConstraintOp, facts: Facts) -> Part:
    """Build the index beside the application, then make it the constraint's in a moment, with its name."""
    built = str(leaf.constraint_name)
    if name_of(leaf) in facts.replaced:
        built = _stand_in_name(built)
    name, index, path = quoted(str(leaf.constraint_name)), quoted(built), quoted(leaf.schema, leaf.table_name)
    [declared] = statements(leaf, facts.metadata)
    distinct, opening, rest = declared.partition(" UNIQUE ")[2].partition("(")
    columns, closing, options = f"{opening}{rest}".partition(")")
    distinct = f" {distinct}".rstrip()  # a constraint says it before its columns, an index behind them
    return Part(
        alone=(
            f"DROP INDEX CONCURRENTLY IF EXISTS {quoted(leaf.schema, built)}",
            f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {index} ON {path} {columns}{closing}{distinct}",
        ),
        together=(f"ALTER TABLE {path} ADD CONSTRAINT {name} UNIQUE USING INDEX {index}{options}",),
    )


def _constrained(leaf: ops.CreateForeignKeyOp | ops.CreateCheckConstraintOp, facts: Facts) -> Part:
    """Add it for what is written from now on, then compare the rows that are there while they can be written."""
    [declared] = statements(leaf, facts.metadata)
    path, name = quoted(*(table_of(leaf) or ())), quoted(str(leaf.constraint_name))
    again = declared.replace(f"ALTER TABLE {path} ADD", f"ALTER TABLE {path} DROP CONSTRAINT IF EXISTS {name}, ADD", 1)
    if declared.endswith("NOT VALID"):
        return Part(alone=(again,))
    return Part(alone=(f"{again} NOT VALID", f"ALTER TABLE {path} VALIDATE CONSTRAINT {name}"))


_REWRITERS: Final[dict[Any, Callable[[Any, Facts], Part]]] = {
    ops.CreateIndexOp: _indexed,
    ops.DropIndexOp: _unindexed,
    ops.CreateUniqueConstraintOp: _unique,
    ops.CreateForeignKeyOp: _constrained,
    ops.CreateCheckConstraintOp: _constrained,
}
