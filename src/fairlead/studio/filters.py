"""Filters and search of a list: from an address to SQL in which every value is a parameter.

A filter is `column:operator:value`, repeated for more of them, all of which have to hold. A search looks for its words
literally (`%` and `_` mean themselves) in every column that holds text, and for an exact key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from fairlead.errors import ValidationFailed
from fairlead.studio.naming import named
from fairlead.studio.shape import Column, Kind, Table

SEARCH_LENGTH: Final = 200
_ESCAPED: Final = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


@dataclass(frozen=True, slots=True)
class Operator:
    """How a column is compared; `values` says whether it is compared with something."""

    sign: str
    words: str
    condition: str
    values: bool = True


OPERATORS: Final[Mapping[str, Operator]] = {
    "eq": Operator("=", "is", "{column} = {value}"),
    "ne": Operator("≠", "is not", "{column} is distinct from {value}"),
    "lt": Operator("<", "is less than", "{column} < {value}"),
    "le": Operator("≤", "is at most", "{column} <= {value}"),
    "gt": Operator(">", "is more than", "{column} > {value}"),
    "ge": Operator("≥", "is at least", "{column} >= {value}"),
    "has": Operator("∋", "contains", "{column}::text ilike {value} escape '\\'"),
    "starts": Operator("a…", "starts with", "starts_with({column}::text, {value})"),
    "any": Operator("∋", "has the element", "{value} = any ({column})"),
    "within": Operator("⊇", "contains (JSON)", "{column} @> {value}"),
    "null": Operator("∅", "is null", "{column} is null", values=False),
    "set": Operator("∃", "is not null", "{column} is not null", values=False),
}
_ORDERED: Final = ("eq", "ne", "lt", "le", "gt", "ge")
_OF_KIND: Final[Mapping[Kind, tuple[str, ...]]] = {
    "text": (*_ORDERED, "has", "starts"),
    "number": _ORDERED,
    "time": _ORDERED,
    "boolean": ("eq", "ne"),
    "enum": ("eq", "ne"),
    "json": ("has", "within"),
    "array": ("any", "has", "eq"),
    "binary": (),
    "other": ("has",),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one column."""

    column: str
    operator: str
    value: str = ""

    @property
    def text(self) -> str:
        """How it stands in an address."""
        return f"{self.column}:{self.operator}:{self.value}"


def operators_of(column: Column) -> list[str]:
    """Return the operators that a column can be filtered by."""
    nulls = ["null", "set"] if column.nullable else []
    return [name for name in _OF_KIND[column.kind] if name != "within" or column.type == "jsonb"] + nulls


def parsed(table: Table, texts: Iterable[str]) -> list[Filter]:
    """Return the filters of an address; raises ValidationFailed for what this table cannot be filtered by."""
    return [_parsed(table, text) for text in texts]


def _parsed(table: Table, text: str) -> Filter:
    name, _, rest = text.partition(":")
    operator, _, value = rest.partition(":")
    column = table.column(name)
    if column is None:
        raise ValidationFailed(f"{table.address} has no column {name!r} that can be filtered by.")
    if operator not in operators_of(column):
        raise ValidationFailed(f"{name} cannot be compared by {operator!r}.")
    return Filter(name, operator, value)


def condition(filters: Sequence[Filter]) -> tuple[sql.Composable, list[str]]:
    """Return the filters as SQL and its parameters."""
    parts, values = [], []
    for each in filters:
        operator = OPERATORS[each.operator]
        parts.append(sql.SQL(operator.condition).format(column=named(each.column), value=sql.Placeholder()))
        if operator.values:
            values.append(_pattern(each.value) if each.operator == "has" else each.value)
    return sql.SQL(" and ").join(parts), values


def searching(table: Table, words: str) -> tuple[sql.Composable, list[str]]:
    """Return the condition that a row has the words somewhere, and its parameters."""
    texts = [column.name for column in table.columns if column.kind in {"text", "enum"}]
    looked_into = [sql.SQL("{}::text ilike {} escape '\\'").format(named(name), sql.Placeholder()) for name in texts]
    if not looked_into:
        return sql.SQL("false"), []
    return sql.SQL("({})").format(sql.SQL(" or ").join(looked_into)), [_pattern(words[:SEARCH_LENGTH])] * len(texts)


def _pattern(words: str) -> str:
    return f"%{words.translate(_ESCAPED)}%"
