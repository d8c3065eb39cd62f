"""What a change would destroy, counted on the rows that are there; and what they stand in the way of.

A loss is something that nobody can bring back: rows of a table that goes, values of a column that goes, digits of a
value whose type gets narrower. An obstacle is a change that PostgreSQL would refuse because of what is there. What
touches no row is neither.

Rows are counted past forced row security: as the owner, with the force taken off until the count is over. All of it
happens in the caller's transaction.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from alembic.operations import ops
from sqlalchemy import Column, Connection, MetaData, text
from sqlalchemy.exc import DBAPIError

from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Kind
from fairlead.toolkit.change import Change
from fairlead.toolkit.conversions import comparable
from fairlead.toolkit.environment import first_line
from fairlead.toolkit.hints import value_option
from fairlead.toolkit.naming import for_driver, literal, path_of, quoted
from fairlead.toolkit.operations import statements, type_change
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.sentences import becomes_generated

_EXISTS: Final = "select to_regclass(:table) is not null"
_HAS_COLUMN: Final = """
select exists (select from pg_attribute where attrelid = to_regclass(:table) and attname = :column and not attisdropped)
"""
_COLUMNS_OF: Final = text("""
    select cast(cast(a.attrelid as regclass) as text), quote_ident(a.attname), t.oid <> to_regtype(:enum)
    from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_class c on c.oid = a.attrelid
    where c.relkind in ('r', 'p') and not c.relispartition and to_regtype(:enum) in (t.oid, t.typelem)
    order by 1, 2
""")


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that would be gone for good; `name` is what allows it: `users`, `users.nick`."""

    name: str
    sentence: str
    rows: int


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A change that cannot be made with the rows that are there, and what to do first."""

    name: str
    sentence: str
    remedy: str
    rows: int


def consequences(
    leaves: Iterable[ops.MigrateOperation], connection: Connection, *, metadata: MetaData, casts: Mapping[str, str]
) -> Iterator[Loss | Obstacle]:
    """Yield what these operations would destroy or fail at; `casts` are the expressions that convert columns."""
    for leaf in leaves:
        if isinstance(leaf, ops.DropTableOp):
            yield from _table_gone(leaf, connection)
        elif isinstance(leaf, ops.DropColumnOp):
            yield from _column_gone(leaf, connection)
        elif isinstance(leaf, ops.AlterColumnOp) and leaf.modify_type is not None:
            place = (leaf.schema, leaf.table_name, leaf.column_name)
            yield from _retyped(place, connection, wanted=wanted_type(leaf, metadata), casts=casts)
        elif isinstance(leaf, ops.CreateUniqueConstraintOp) or (
            isinstance(leaf, ops.CreateIndexOp) and bool(leaf.unique)
        ):
            yield from _made_unique(leaf, connection)
        elif becomes_generated(leaf):
            yield from _generated(leaf, connection)
        elif isinstance(leaf, CatalogueOp) and not leaf.again:
            yield from _of_catalogue(leaf.change, connection, casts=casts)


def empty_rows(connection: Connection, table: str, column: str) -> int:
    """Return how many rows of a table, as SQL names it, have nothing in a column; every one when it is to come."""
    if not connection.execute(text(_EXISTS), {"table": table}).scalar_one():
        return 0
    there = connection.execute(text(_HAS_COLUMN), {"table": table, "column": column}).scalar_one()
    return _count(connection, table, f"{quoted(column)} is null" if there else "true")


def _table_gone(leaf: ops.DropTableOp, connection: Connection) -> Iterator[Loss]:
    rows = _count(connection, quoted(leaf.schema, leaf.table_name), "true")
    if rows:
        name = path_of(leaf.schema, leaf.table_name)
        yield Loss(name, f"The table {name} goes, with {_rows(rows)}.", rows)


def _column_gone(leaf: ops.DropColumnOp, connection: Connection) -> Iterator[Loss]:
    table = quoted(leaf.schema, leaf.table_name)
    rows = _count(connection, table, f"{quoted(leaf.column_name)} is not null")
    if rows:
        name = path_of(leaf.schema, leaf.table_name, leaf.column_name)
        yield Loss(name, f"The column {name} goes, with its values in {_rows(rows)}.", rows)


def _generated(leaf: Any, connection: Connection) -> Iterator[Loss]:
    change = leaf.change
    rows = _count(connection, change.thing.relation, f"{quoted(change.name)} is not null")
    if rows:
        name = path_of(leaf.schema, change.table, change.name)
        yield Loss(name, f"The column {name} becomes a generated one; its values in {_rows(rows)} go.", rows)


def _of_catalogue(change: Change, connection: Connection, *, casts: Mapping[str, str]) -> Iterator[Loss | Obstacle]:
    """Yield what only the catalogue shows: types that need a cast, values of an enum, sequences, partitions, views."""
    if change.kind is Kind.COLUMN and "type" in change.facts:
        schema = None if change.schema == DEFAULT_SCHEMA else change.schema
        place = (schema, change.table, change.name)
        yield from _retyped(place, connection, wanted=change.thing.facts["type"], casts=casts)
    if not change.destructive:
        return
    if change.kind is Kind.ENUM:
        yield from _values_gone(change, connection)
        return
    name = path_of(None if change.schema == DEFAULT_SCHEMA else change.schema, change.name)
    rows = _count(connection, change.thing.identity, "true") if change.kind is Kind.TABLE else 0
    if rows or change.kind is not Kind.TABLE:
        yield Loss(name, f"The {change.kind} {name} goes, with what is in it.", rows)


def _values_gone(change: Change, connection: Connection) -> Iterator[Obstacle]:
    """Yield the values that go and are in use: what their rows should have instead only a person knows."""
    before, after = change.facts.get("values", ((), ()))
    enum = change.thing.identity
    for value in (value for value in before if value not in (after or ())):
        place = path_of(None if change.schema == DEFAULT_SCHEMA else change.schema, change.name, value)
        for table, column, is_array in connection.execute(_COLUMNS_OF, {"enum": enum}).all():
            there = f"{literal(value)} = any ({column})" if is_array else f"{column} = {literal(value)}"
            rows = _count(connection, table, there)
            if rows:
                yield Obstacle(
                    place,
                    f"The value {value} goes from {enum}, and {_rows(rows)} of {table} have it in {column}.",
                    "Give them another one first, or say that it was renamed: "
                    f"{shlex.join(('--rename', f'{place}=…'))}",
                    rows,
                )


def _retyped(
    place: tuple[str | None, str, str], connection: Connection, *, wanted: str, casts: Mapping[str, str]
) -> Iterator[Loss | Obstacle]:
    """Convert every value and back, and count those that do not come back as they were."""
    name, table, column = path_of(*place), quoted(*place[:2]), quoted(place[2])
    present = _present_type(connection, table, place[2])
    there = casts.get(name, f"cast({column} as {wanted})")
    before, back = comparable(column, present), comparable(f"cast(cast({there} as {wanted}) as {present})", present)
    try:
        with _counting(connection, table):
            rows = _value(connection, f"select count(*) from {table} where {before} is distinct from {back}")  # noqa: S608
    except DBAPIError as error:
        yield Obstacle(
            name,
            f"The column {name} cannot become {wanted}: {first_line(error)}.",
            "Change the values first, or say how they are converted: "
            f"{value_option('--cast', f'{name}=<SQL expression>')}",
            _count(connection, table, f"{column} is not null"),
        )
        return
    if rows:
        yield Loss(name, f"The column {name} becomes {wanted} instead of {present}, which changes {_rows(rows)}.", rows)


def _made_unique(leaf: ops.CreateUniqueConstraintOp | ops.CreateIndexOp, connection: Connection) -> Iterator[Obstacle]:
    columns = _plain_columns(leaf)
    table = quoted(leaf.schema, str(leaf.table_name))
    if columns is None or not _all_there(connection, table, columns):
        return
    listed = ", ".join(map(quoted, columns))
    where = " and ".join([*(f"{quoted(column)} is not null" for column in columns), *_condition(leaf)])
    found = f"select {listed}, count(*) as n from {table} where {where} group by {listed} having count(*) > 1"  # noqa: S608
    with _counting(connection, table):
        rows = _value(connection, f"select coalesce(sum(n), 0) from ({found}) d")  # noqa: S608
    if rows:
        name = path_of(leaf.schema, str(leaf.table_name))
        label = getattr(leaf, "constraint_name", None) or getattr(leaf, "index_name", None)
        yield Obstacle(
            path_of(leaf.schema, str(leaf.table_name), label),
            f"{_rows(int(rows))} of {name} are not unique by {', '.join(columns)}.",
            f"Make them so first; this shows them: {found};",
            int(rows),
        )


def _plain_columns(leaf: ops.CreateUniqueConstraintOp | ops.CreateIndexOp) -> list[str] | None:
    """Return the columns that are to be unique together; None where an expression is among them."""
    given = leaf.columns
    names = [part.name if isinstance(part, Column) else part for part in given]
    plain = [str(name) for name in names if isinstance(name, str)]
    return plain if plain and len(plain) == len(given) else None


def _condition(leaf: ops.MigrateOperation) -> list[str]:
    where = getattr(leaf, "kw", {}).get("postgresql_where")
    return [] if where is None else [f"({getattr(where, 'text', where)})"]


def _all_there(connection: Connection, table: str, columns: Iterable[str]) -> bool:
    return all(
        connection.execute(text(_HAS_COLUMN), {"table": table, "column": column}).scalar_one() for column in columns
    )


def wanted_type(leaf: ops.AlterColumnOp, metadata: MetaData) -> str:
    """Return the type that a column is to have, as SQL."""
    [changed] = statements(type_change(leaf), metadata)
    return changed.rpartition(" TYPE ")[2].partition(" COLLATE ")[0]


def _present_type(connection: Connection, table: str, column: str) -> str:
    statement = text(
        "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = to_regclass(:table) "
        "and attname = :column"
    )
    return str(connection.execute(statement, {"table": table, "column": column}).scalar_one())


def _count(connection: Connection, table: str, condition: str) -> int:
    with _counting(connection, table):
        return _value(connection, f"select count(*) from {table} where {condition}")  # noqa: S608 - quoted names


def _value(connection: Connection, statement: str) -> int:
    return int(connection.exec_driver_sql(for_driver(statement)).scalar_one())


@contextmanager
def _counting(connection: Connection, table: str) -> Iterator[None]:
    """Let every row of a table be seen by its owner, and undo that."""
    savepoint = connection.begin_nested()
    try:
        forced = text("select relforcerowsecurity from pg_class where oid = to_regclass(:table)")
        if connection.execute(forced, {"table": table}).scalar_one():
            connection.exec_driver_sql(for_driver(f"alter table {table} no force row level security"))
        yield
    finally:
        savepoint.rollback()


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
