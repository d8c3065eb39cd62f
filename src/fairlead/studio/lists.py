"""What a table's pages show: a page of rows, one row in full, what refers to it.

Every statement is bounded: it returns a page in the order of the key, or looks at no more than it says, and ends after
a few seconds. What is long is cut where the rows are read, so that a page is small whatever is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from psycopg import sql

from fairlead.errors import NotFound, ValidationFailed
from fairlead.studio.access import Connection, Organization
from fairlead.studio.filters import Filter, condition, searching
from fairlead.studio.keyset import Order, beyond, from_cursor, order_by, to_cursor
from fairlead.studio.naming import named, place
from fairlead.studio.shape import Column, Reference, Table

PAGE: Final = 50
PREVIEW: Final = 160  # characters of a cell in a list
FULL: Final = 200_000  # characters of a value in full
COUNTED: Final = 100  # rows of one reference that are counted
# A column as a member of a JSON object: indented with it, and an empty list on one line.
_MEMBER: Final = sql.SQL(r"""
{} || replace(regexp_replace(coalesce(jsonb_pretty(to_jsonb({})), 'null'), '\[\n\s*\]', '[]', 'g'), E'\n', E'\n  ')
""")
_SHORT: Final = frozenset({"number", "boolean", "time", "enum"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page of a table: `after` or `before` a position, or the first."""

    filters: Sequence[Filter] = ()
    search: str = ""
    sort: str = ""
    down: bool = False
    after: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a list: its key and its values, cut to a preview."""

    key: tuple[str, ...]
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in their order, and where the pages around begin ("": there is none)."""

    rows: list[Row] = field(default_factory=list)
    before: str = ""
    after: str = ""


async def read_page(connection: Connection, table: Table, wanted: Wanted, organization: Organization | None) -> Page:
    """Return one page; raises ValidationFailed for an order or a position that the table does not have."""
    order = order_of(table, wanted)
    reading = order.turned() if wanted.before else order
    cursor = wanted.before or wanted.after
    position = from_cursor(cursor, order) if cursor else None
    statement, values = page_statement(table, wanted, reading, position=position, organization=organization)
    found = await (await connection.execute(statement, values)).fetchall()
    more = len(found) > PAGE
    lines = found[:PAGE][::-1] if wanted.before else found[:PAGE]
    width, places = len(table.columns), len(order.columns)
    rows = [Row(row[width + places :], row[:width]) for row in lines]
    if not lines or not table.key:
        return Page(rows)
    first, last = (to_cursor(row[width : width + places]) for row in (lines[0], lines[-1]))
    return Page(
        rows,
        before=first if (more if wanted.before else bool(wanted.after)) else "",
        after=last if more or wanted.before else "",
    )


def order_of(table: Table, wanted: Wanted) -> Order:
    """Return the order of a list: by its key, or by a column and its key."""
    column = table.column(wanted.sort) if wanted.sort else None
    if wanted.sort and (column is None or not column.sortable):
        raise ValidationFailed(f"{table.address} cannot be sorted by {wanted.sort!r}.")
    key = table.key or tuple(each.name for each in table.columns if each.sortable)
    return Order(key, column.name if column else None, nullable=bool(column and column.nullable), down=wanted.down)


def page_statement(
    table: Table,
    wanted: Wanted,
    order: Order,
    *,
    position: Sequence[str | None] | None,
    organization: Organization | None,
) -> tuple[sql.Composed, list[str]]:
    """Return the one statement that reads a page, and its parameters: previews, then the position, then the key."""
    where, values = conditions(table, wanted, organization)
    if position is not None:
        after, more = beyond(order, position)
        where, values = [*where, after], [*values, *more]
    shown = [_preview(column) for column in table.columns]
    texts = [_text(name) for name in (*order.columns, *table.key)]
    statement = sql.SQL("select {} from {} t{} order by {} limit {}").format(
        sql.SQL(", ").join([*shown, *texts]), place(table), _where(where), order_by(order), sql.Literal(PAGE + 1)
    )
    return statement, values


def conditions(
    table: Table, wanted: Wanted, organization: Organization | None
) -> tuple[list[sql.Composable], list[str]]:
    """Return the conditions of a list and their parameters.

    The tenant's own is row security's already; said here again it can be looked up in an index.
    """
    where: list[sql.Composable] = []
    values: list[str] = []
    if organization is not None and table.tenant_column:
        where.append(sql.SQL("{} = {}").format(named(table.tenant_column), sql.Placeholder()))
        values.append(organization.id)
    if wanted.filters:
        narrowed, more = condition(wanted.filters)
        where, values = [*where, narrowed], [*values, *more]
    if wanted.search:
        found, more = searching(table, wanted.search)
        where, values = [*where, found], [*values, *more]
    return where, values


async def read_row(connection: Connection, table: Table, key: Sequence[str]) -> tuple[list[str | None], str]:
    """Return one row's values in full, and the row as JSON; raises NotFound."""
    columns = [_cut(column.name, FULL) for column in table.columns]
    statement = sql.SQL("select {}, {} from {} where {}").format(
        sql.SQL(", ").join(columns), _json(table), place(table), key_condition(table)
    )
    row = await (await connection.execute(statement, checked_key(table, key))).fetchone()
    if row is None:
        raise NotFound(f"{table.address} has no such row, or it is not the tenant's that is shown.")
    return list(row[:-1]), str(row[-1])


async def read_cell(connection: Connection, table: Table, key: Sequence[str], *, column: Column) -> str | None:
    """Return one value whole; raises NotFound."""
    statement = sql.SQL("select {}::text from {} where {}").format(
        named(column.name), place(table), key_condition(table)
    )
    row = await (await connection.execute(statement, checked_key(table, key))).fetchone()
    if row is None:
        raise NotFound(f"{table.address} has no such row, or it is not the tenant's that is shown.")
    return None if row[0] is None else str(row[0])


async def count_referring(connection: Connection, reference: Reference, table: Table, values: Sequence[str]) -> int:
    """Return how many rows of `table` refer by `reference` to the row with these values, counted up to a bound."""
    where = sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(named(name), sql.Placeholder()) for name in reference.columns
    )
    statement = sql.SQL("select count(*) from (select from {} where {} limit {}) found").format(
        place(table), where, sql.Literal(COUNTED + 1)
    )
    row: Any = await (await connection.execute(statement, list(values))).fetchone()
    return int(row[0])


async def count_up_to(connection: Connection, table: Table, bound: int) -> int:
    """Return how many rows a table has, counted no further than `bound` + 1."""
    statement = sql.SQL("select count(*) from (select from {} limit {}) found").format(
        place(table), sql.Literal(bound + 1)
    )
    row: Any = await (await connection.execute(statement, [])).fetchone()
    return int(row[0])


def key_condition(table: Table) -> sql.Composable:
    """Return the condition that names one row by its key."""
    return sql.SQL(" and ").join(sql.SQL("{} = {}").format(named(name), sql.Placeholder()) for name in table.key)


def checked_key(table: Table, key: Sequence[str]) -> list[str]:
    """Return a key that has as many parts as the table's; raises NotFound."""
    if not table.key or len(key) != len(table.key):
        raise NotFound(f"A row of {table.address} has the key ({', '.join(table.key)}).")
    return list(key)


def _json(table: Table) -> sql.Composable:
    """Return the open columns as one JSON object, in the table's order and with every digit, indented."""
    members = [
        _MEMBER.format(sql.Literal(f"  {orjson.dumps(column.name).decode()}: ".replace("%", "%%")), named(column.name))
        for column in table.columns
    ]
    return sql.SQL("E'{{\\n' || concat_ws(E',\\n', {}) || E'\\n}}'").format(sql.SQL(", ").join(members))


def _preview(column: Column) -> sql.Composable:
    return _text(column.name) if column.kind in _SHORT else _cut(column.name, PREVIEW + 1)


def _cut(name: str, length: int) -> sql.Composable:
    return sql.SQL("left({}::text, {})").format(named(name), sql.Literal(length))


def _text(name: str) -> sql.Composable:
    return sql.SQL("{}::text").format(named(name))


def _where(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(" where {}").format(sql.SQL(" and ").join(conditions)) if conditions else sql.SQL("")
