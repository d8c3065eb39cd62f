"""Why a list takes long: what PostgreSQL has to read a large table from end to end for, because no index serves it."""

from __future__ import annotations

from typing import Final

from fairlead.studio.access import LOOKING_SECONDS, Organization
from fairlead.studio.lists import Wanted
from fairlead.studio.shape import Column, Table

_LARGE: Final = 100_000  # rows; fewer are read in a moment
_LOOKED_UP: Final = frozenset({"eq", "lt", "le", "gt", "ge", "null"})  # operators that an index serves


def is_served(table: Table, column: Column, organization: Organization | None) -> bool:
    """Tell whether an index serves a list by this column, or the table is so small that it needs none."""
    within = table.tenant_column if organization else None
    return table.rows_estimate < _LARGE or column.indexed or (within is not None and within in column.indexed_behind)


def slow_because(table: Table, wanted: Wanted, organization: Organization | None) -> str:
    """Return why this list takes long, for people; "" where it does not."""
    filtered = {each.column: each.operator for each in wanted.filters}
    served = {column.name for column in table.columns if is_served(table, column, organization)}
    if any(name in served and operator in _LOOKED_UP for name, operator in filtered.items()):
        return ""
    if wanted.search and table.rows_estimate >= _LARGE:
        reason = "A search looks into every text"
    elif missing := [name for name in (*([wanted.sort] if wanted.sort else []), *filtered) if name not in served]:
        reason = f"No index begins with {', '.join(dict.fromkeys(missing))}"
    else:
        return ""
    return (
        f"{reason}, so that about {table.rows_estimate:,} rows may have to be read. Escape, or going elsewhere, ends "
        f"that at once; after {LOOKING_SECONDS} seconds the database does."
    )
