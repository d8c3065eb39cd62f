"""Search: text anywhere in a name, in any case, taken literally.

Cases are the database's (`lower` in its default collation); `strpos` knows no wildcards, so nothing has to be escaped.
The term is lowered once, in a sub-select: as a plain parameter a prepared statement would lower it again for each row.
An extension would not help: under row security the operators of a trigram index may not look at a row before the
policy did, so that the index cannot be used (ADR 0009 has the measurements).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, collate, false, func, or_, select

from fairlead.domain import json_values
from fairlead.errors import ValidationFailed


def refuse_unknown(filters: Iterable[str], *, known: Iterable[str]) -> None:
    """Raise ValidationFailed for a filter that a list does not have: ignored, it would show too much."""
    if unknown := sorted(set(filters) - set(known)):
        raise ValidationFailed(details=dict.fromkeys(unknown, f"is not a filter; there are {', '.join(known)}"))


def matches(term: str, *columns: Any) -> ColumnElement[bool]:
    """Return the condition that `term` is in one of `columns`, in any case."""
    return _contain(term, *(func.lower(collate(column, "default")) for column in columns))


def matches_lowered(term: str, column: Any) -> ColumnElement[bool]:
    """Return the condition that `term` is in a line of `column`, which keeps lower-case text."""
    return false() if "\n" in term else _contain(term, column)


def _contain(term: str, *texts: Any) -> ColumnElement[bool]:
    if json_values.problem(term) is not None:  # what cannot be stored is in no row
        return false()
    lowered = select(collate(func.lower(collate(cast(term, Text), "default")), "C")).scalar_subquery()
    return or_(*(func.strpos(collate(text, "C"), lowered) > 0 for text in texts))
