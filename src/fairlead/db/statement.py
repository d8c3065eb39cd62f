"""A hot-path statement: written as SQL with named parameters, run by the driver directly.

SQLAlchemy's execution costs several microseconds an item and a hundred a call (`bench/`), which the engine's verbs
cannot spend; control-plane reads and writes use it as usual. The text is a constant of its module: values are only
ever bound.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

_DIALECT = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]  # SQLAlchemy's gap


class Statement:
    """One SQL statement with `:named` parameters; `{fragment}` is replaced by the text given for it."""

    __slots__ = ("driver_text",)

    def __init__(self, sql: str, **fragments: str) -> None:
        for name, fragment in fragments.items():
            sql = sql.replace("{" + name + "}", fragment)
        self.driver_text: bytes = str(text(sql.strip() + "\n").compile(dialect=_DIALECT)).encode()
