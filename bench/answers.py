"""Questions with one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg


def value(
    connection: psycopg.Connection[Any], question: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> Any:
    """Return the first column of the one row that a question has for an answer."""
    return row(connection, question, parameters)[0]


def row(
    connection: psycopg.Connection[Any], question: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> tuple[Any, ...]:
    """Return the one row that a question has for an answer."""
    found = connection.execute(question, parameters or None).fetchone()
    if found is None:
        raise LookupError("The server answered with no row.")
    return tuple(found)
