"""The SQL console: one statement at a time, read-only, bounded in time and rows, which can be cancelled while it runs.

It runs as the reading login (`login.py`), which has no right to write or to see a secret column and no other role to go
back to, on a connection of its own, in a transaction that was begun read-only and is never committed. The statement
goes by the extended protocol, which takes one statement only.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast

from psycopg import AsyncCursor, Error, ProgrammingError, postgres

from fairlead.studio.access import Access, Connection, Organization
from fairlead.studio.shape import Shape

Mode: TypeAlias = Literal["run", "explain", "analyze"]
ROWS: Final = 1000
CELL: Final = 5_000  # characters of a value
SECONDS: Final = 30
_PREFIXES: Final[dict[Mode, str]] = {
    "run": "",
    "explain": "explain (format text, settings)\n",
    "analyze": "explain (analyze, buffers, settings, format text)\n",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave. `cut` says that there was more; `at` is where in the text an error is, from 1."""

    columns: list[dict[str, str]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    cut: bool = False
    seconds: float = 0.0
    notices: list[str] = field(default_factory=list)
    error: str = ""
    hint: str = ""
    at: int | None = None


class Console:
    """The statements that are running, by the name that the page gave each."""

    def __init__(self, access: Access, shape: Shape) -> None:
        self._access = access
        self._shape = shape
        self._running: dict[str, int] = {}

    async def run(self, text: str, mode: Mode, *, name: str, organization: Organization | None) -> Answer:
        """Run a statement; an error of the database is an answer."""
        prefix, notices = _PREFIXES[mode], []
        started = time.perf_counter()
        async with self._access.looking(organization, seconds=SECONDS) as connection:
            connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
            self._running[name] = connection.info.backend_pid
            try:
                columns, rows, cut = await _read(connection, f"{prefix}{text}")
            except Error as error:
                seconds = time.perf_counter() - started
                return self._failed(error, prefix=prefix, notices=notices, seconds=seconds)
            finally:
                self._running.pop(name, None)
        return Answer(columns, rows, cut=cut, seconds=time.perf_counter() - started, notices=notices)

    def is_running(self, name: str) -> bool:
        """Return whether a statement of that name runs."""
        return name in self._running

    async def cancel(self, name: str) -> bool:
        """Cancel a running statement; False when it is not running any more."""
        process = self._running.get(name)
        if process is None:
            return False
        async with self._access.looking() as connection:
            row = await (await connection.execute(f"select pg_cancel_backend({process:d})".encode())).fetchone()
        return row == ("t",)

    def _failed(self, error: Error, *, prefix: str, notices: list[str], seconds: float) -> Answer:
        state, message = error.diag.sqlstate or "", error.diag.message_primary or str(error).strip()
        position = error.diag.statement_position
        several = "multiple commands" in message
        return Answer(
            error="The console takes one statement at a time." if several else _ERRORS.get(state, message),
            hint=self._secrets(message) or _HINTS.get(state) or error.diag.message_hint or "",
            at=int(position) - len(prefix) if position else None,
            notices=notices,
            seconds=seconds,
        )

    def _secrets(self, message: str) -> str:
        """Return what can be read of a table that was asked for with its secret columns."""
        table = self._shape.tables.get(message.removeprefix("permission denied for table "))
        if table is None or not table.secret:
            return ""
        names = ", ".join(column.name for column in table.columns)
        return f"Not shown of {table.address}: {', '.join(table.secret)}, so that * does not work. The others: {names}"


async def _read(connection: Connection, text: str) -> tuple[list[dict[str, str]], list[list[str | None]], bool]:
    """Return columns, rows and whether there were more: rows are taken one by one and the rest is never sent."""
    rows: list[list[str | None]] = []
    cursor = connection.cursor()
    try:
        async with aclosing(cast("AsyncGenerator[tuple[Any, ...]]", cursor.stream(text.encode()))) as stream:
            async for row in stream:
                if len(rows) == ROWS:
                    return _columns(cursor), rows, True
                rows.append([None if value is None else str(value)[:CELL] for value in row])
    except ProgrammingError as error:
        if error.diag.sqlstate is None and "didn't produce a result" in str(error):  # SET, SHOW's like, COMMIT
            return [], [], False
        raise
    return _columns(cursor), rows, False


def _columns(cursor: AsyncCursor[Any]) -> list[dict[str, str]]:
    found = []
    for column in cursor.description or ():
        known = postgres.types.get(column.type_code)
        found.append({"name": column.name, "type": known.name if known else ""})
    return found


_ERRORS: Final = {
    "57014": f"The statement was cancelled: by you, or because it took longer than {SECONDS} seconds.",
}
_HINTS: Final = {
    "42501": "The console may only read, and only what studio shows: no secret column, no file, no other session.",
    "25006": "The console never writes. Rows are changed in their tables, when studio was started with --write.",
    "25001": "The console's transaction is read-only and stays so.",
}
