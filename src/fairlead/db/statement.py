"""A hot-path statement: written as SQL with named parameters, run by the driver directly.

SQLAlchemy's execution costs several microseconds an item and a hundred a call (`bench/`), which the engine's verbs
cannot spend; control-plane reads and writes use it as usual. The text is a constant of its module: values are only
ever bound.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

_DIALECT = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
_NUMBERED = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # the same


class Statement:
    """One SQL statement with `:named` parameters; `{fragment}` is replaced by the text given for it.

    `numbered_text` is the same as the server wants it, with `$1` for the first of `names`.
    """

    __slots__ = ("driver_text", "names", "numbered_text")

    def __init__(self, sql: str, **fragments: str) -> None:
        for name, fragment in fragments.items():
            sql = sql.replace("{" + name + "}", fragment)
        clause = text(sql.strip() + "\n")
        self.driver_text: bytes = str(clause.compile(dialect=_DIALECT)).encode()
        numbered = clause.compile(dialect=_NUMBERED)
        self.numbered_text: bytes = str(numbered).encode()
        self.names: tuple[str, ...] = tuple(numbered.positiontup or ())
