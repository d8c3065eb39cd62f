"""A list as a file: CSV that no spreadsheet runs, or JSON; streamed in the list's order, whatever its length.

A cell that begins as a formula does (=, +, -, @, tab, return) gets an apostrophe before it, except a plain number;
nulls are empty. In JSON every value keeps its type.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal, TypeAlias

from psycopg import sql

from fairlead.studio.access import Access, Organization
from fairlead.studio.keyset import order_by
from fairlead.studio.lists import Wanted, conditions, order_of
from fairlead.studio.naming import named, place
from fairlead.studio.shape import Table

Format: TypeAlias = Literal["csv", "json"]
SECONDS: Final = 600
_BATCH: Final = 1000
_FORMULA: Final = re.compile(r"^[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


async def exported(
    access: Access, table: Table, wanted: Wanted, *, form: Format, organization: Organization | None
) -> AsyncIterator[bytes]:
    """Yield the file."""
    where, values = conditions(table, wanted, organization)
    columns = sql.SQL(", ").join(named(column.name) for column in table.columns)
    statement = sql.SQL("select {} from {} t{} order by {}").format(
        columns,
        place(table),
        sql.SQL(" where {}").format(sql.SQL(" and ").join(where)) if where else sql.SQL(""),
        order_by(order_of(table, wanted)),
    )
    if form == "json":
        statement = sql.SQL("select to_json(r.*)::text from ({}) r").format(statement)
    async with access.looking(organization, seconds=SECONDS) as connection, connection.cursor("export") as cursor:
        await cursor.execute(statement, values)
        yield _head(table, form)
        first = True
        while rows := await cursor.fetchmany(_BATCH):
            yield _csv(rows) if form == "csv" else _json(rows, first=first)
            first = False
        yield b"" if form == "csv" else b"\n]\n"


def _head(table: Table, form: Format) -> bytes:
    return _csv([tuple(column.name for column in table.columns)]) if form == "csv" else b"[\n"


def _csv(rows: Sequence[Sequence[str | None]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[_harmless(value) for value in row] for row in rows])
    return text.getvalue().encode()


def _harmless(value: str | None) -> str:
    if value is None:
        return ""
    return f"'{value}" if _FORMULA.match(value) and not _NUMBER.match(value) else value


def _json(rows: Sequence[Sequence[str | None]], *, first: bool) -> bytes:
    lines = b",\n".join(str(row[0]).encode() for row in rows)
    return lines if first else b",\n" + lines
