"""A hot-path statement: written once as SQL, run by the driver directly, or handed out for SQLAlchemy to run.

SQLAlchemy's execution costs several microseconds an item and a hundred a call (`bench/`), which the engine's verbs
cannot spend; control-plane reads and writes use it as usual. The text is a constant of its module: values are only
ever bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

_DIALECT = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]  # SQLAlchemy's gap


class Statement:
    """One SQL statement with `:named` parameters; `{fragment}` is replaced by the text given for it."""

    __slots__ = ("clause", "driver_text")

    def __init__(self, sql: str, **fragments: str) -> None:
        for name, fragment in fragments.items():
            sql = sql.replace("{" + name + "}", fragment)
        self.clause: TextClause = text(sql.strip() + "\n")
        self.driver_text: bytes = str(self.clause.compile(dialect=_DIALECT)).encode()

    def bound(self, parameters: Mapping[str, Any]) -> TextClause:
        """Return the statement with its values, for a caller's own SQLAlchemy session or connection."""
        return self.clause.bindparams(**parameters)
