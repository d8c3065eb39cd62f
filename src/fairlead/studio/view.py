"""What the pages show, made of shapes and rows: cells with their links, filters with their words, addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from fairlead.studio.filters import OPERATORS, Filter
from fairlead.studio.lists import COUNTED, PREVIEW, Row, Wanted
from fairlead.studio.shape import Column, Reference, Table

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_STEP: Final = 1024
_WHOLE: Final = 10  # of a unit; from there on without a decimal
COUNTED_EXACTLY: Final = 10_000  # rows; above, the estimate of the statistics is shown


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as a list shows it; `link` is where it leads."""

    column: Column
    text: str
    null: bool = False
    cut: bool = False
    link: str = ""


def table_address(table: Table | str, *, suffix: str = "", **parameters: Any) -> str:
    """Return the address of a table's page; what is empty is left out.

    The name is quoted twice, since what serves the page undoes it once: a slash in it then is none of the address.
    """
    name = table if isinstance(table, str) else table.address
    given = {name: value for name, value in parameters.items() if value}
    return f"/t/{quote(quote(name, safe=''), safe='')}{suffix}{'?' if given else ''}{urlencode(given, doseq=True)}"


def row_address(table: Table, key: Sequence[str], *, suffix: str = "/row") -> str:
    """Return the address of a row's page."""
    return table_address(table, suffix=suffix, k=list(key))


def list_address(table: Table, wanted: Wanted, **changed: Any) -> str:
    """Return the address of a list like this one, with something changed, from its first page unless said."""
    now: dict[str, Any] = {
        "f": [each.text for each in wanted.filters],
        "q": wanted.search,
        "sort": wanted.sort,
        "dir": "desc" if wanted.down else "",
        **changed,
    }
    return table_address(table, suffix=now.pop("suffix", ""), **now)


def referred_address(reference: Reference, other: Table, row: Mapping[str, str | None]) -> str:
    """Return where a reference leads from a row: to the other row, or to the list that has it alone."""
    values = [row.get(name) for name in reference.columns]
    if any(value is None for value in values):
        return ""
    there = dict(zip(reference.other_columns, map(str, values), strict=True))
    if set(there) == set(other.key):
        return row_address(other, [there[name] for name in other.key])
    return table_address(other, f=[Filter(name, "eq", value).text for name, value in there.items()])


def referring_address(reference: Reference, table: Table, row: Mapping[str, str | None]) -> str:
    """Return the list of the rows of `table` that refer to this row."""
    pairs = zip(reference.columns, reference.other_columns, strict=True)
    return table_address(table, f=[Filter(name, "eq", str(row[other])).text for name, other in pairs])


def cells(table: Table, row: Row, tables: Mapping[str, Table]) -> list[Cell]:
    """Return a row's cells."""
    values = dict(zip((column.name for column in table.columns), row.values, strict=True))
    links = _links(table, values, tables)
    return [_cell(column, values[column.name], links.get(column.name, "")) for column in table.columns]


def _cell(column: Column, value: str | None, link: str) -> Cell:
    if value is None:
        return Cell(column, "", null=True)
    cut = len(value) > PREVIEW
    return Cell(column, value[:PREVIEW] if cut else value, cut=cut, link=link)


def _links(table: Table, values: Mapping[str, str | None], tables: Mapping[str, Table]) -> dict[str, str]:
    """Return where each referring column leads; the first reference that ends with a column is its own."""
    found: dict[str, str] = {}
    for reference in table.references:
        found.setdefault(reference.column, referred_address(reference, tables[reference.other], values))
    return found


def chips(table: Table, wanted: Wanted) -> list[dict[str, str]]:
    """Return the filters in words, each with the list without it."""
    return [
        {
            "column": each.column,
            "words": OPERATORS[each.operator].words,
            "value": each.value,
            "without": list_address(table, wanted, f=[other.text for other in wanted.filters if other is not each]),
        }
        for each in wanted.filters
    ]


def sort_addresses(table: Table, wanted: Wanted) -> dict[str, str]:
    """Return for each column that can be sorted by the list in its next order: up, down, the key's again."""
    found = {}
    for column in table.columns:
        if not column.sortable:
            continue
        if wanted.sort != column.name:
            order = {"sort": column.name, "dir": ""}
        else:
            order = {"sort": "", "dir": ""} if wanted.down else {"sort": column.name, "dir": "desc"}
        found[column.name] = list_address(table, wanted, **order)
    return found


def rows_in_words(estimate: int) -> str:
    """Return an estimate for a narrow place: 940, 12k, 1.2M."""
    if estimate < 0:
        return ""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if estimate >= size:
            return f"{estimate / size:.1f}".removesuffix(".0") + unit
    return str(estimate)


def total_in_words(count: int) -> str:
    """Return a count that was made up to a bound."""
    return f"more than {COUNTED_EXACTLY:,} rows" if count > COUNTED_EXACTLY else plural(count, "row")


def counted_in_words(count: int) -> str:
    """Return how many rows refer here."""
    return f"{COUNTED}+" if count > COUNTED else str(count)


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_in_words(size: float) -> str:
    """Return a number of bytes."""
    for unit in _UNITS:
        if size < _STEP or unit == _UNITS[-1]:
            return f"{size:,.0f} {unit}" if unit == "bytes" or size >= _WHOLE else f"{size:,.1f} {unit}"
        size /= _STEP
    return ""
