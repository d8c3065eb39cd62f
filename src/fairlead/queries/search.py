"""Search: text anywhere in a name, in any case, taken literally."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, collate, false, or_

from fairlead.domain import json_values


def matches(term: str, *columns: Any) -> ColumnElement[bool]:
    """Return the condition that `term` is in one of `columns`; `%`, `_` and the escape character mean themselves.

    Names compare bytewise, where only ASCII has cases; the database's own collation knows more.
    """
    if json_values.problem(term) is not None:  # what cannot be stored is in no row
        return false()
    return or_(*(collate(column, "default").icontains(term, autoescape=True) for column in columns))
