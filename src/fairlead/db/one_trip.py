"""Several commands in one message to the server and their answers in one back, on a connection of the driver's.

Promises: every command is sent before any answer is awaited; after the first that fails the server skips the rest. The
answers are handed over as they come, so that who loses the connection half-way knows what the server had done by then.

Must not decide what an answer means (`db/one_statement.py` does). Surprise: this drives libpq itself, because the
driver's own pipeline wakes the event loop once a command, which costs more than the messages that it saves. Cancelling
is left to the driver: it asks the server to stop, and lets the generator here take the answers before it raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

from fairlead.db.statement import Statement

_KEPT: Final = 100  # statements, with other types of parameters counted as others, that a connection has prepared


class Prepared:
    """Which statements the server holds for one connection, and how often the others were sent."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Statement, tuple[int, ...]], int] = {}
        self._names: dict[tuple[Statement, tuple[int, ...]], bytes] = {}
        self._next = 0

    def name(self, statement: Statement, types: Sequence[int]) -> bytes:
        """Return the name under which the server holds a statement with parameters of these types, or nothing."""
        return self._names.get((statement, tuple(types)), b"")

    def new_name(self, statement: Statement, types: Sequence[int], *, after: int) -> bytes:
        """Count an execution and return the name to prepare it under, or nothing before there were `after` of them."""
        key = (statement, tuple(types))
        seen = self._seen[key] = self._seen.get(key, 0) + 1
        if seen <= after or len(self._names) >= _KEPT:
            return b""
        self._next += 1
        name = self._names[key] = b"fairlead_%d" % self._next
        return name

    def forget(self) -> None:
        """Take it that the server holds none."""
        self._names.clear()
        self._seen.clear()


class Call:
    """A statement with its parameters in the driver's form; raises the driver's DataError for what has none."""

    def __init__(self, driver: AsyncConnection[Any], statement: Statement, parameters: Any) -> None:
        self.statement = statement
        self._transformer = Transformer(driver)
        values = [parameters[name] for name in statement.names]
        self._values = self._transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))

    def send(self, connection: PGconn, prepared: Prepared, *, after: int | None) -> int:
        """Put it into the message, after the command to prepare it if it is time; return how many commands that is.

        It is prepared after `after` executions, never when that is None.
        """
        types, formats, text = self._transformer.types or (), self._transformer.formats, self.statement.numbered_text
        name = b"" if after is None else prepared.name(self.statement, types)
        if not name and after is not None and (name := prepared.new_name(self.statement, types, after=after)):
            connection.send_prepare(name, text, types)
            connection.send_query_prepared(name, self._values, formats)
            return 2
        if name:
            connection.send_query_prepared(name, self._values, formats)
        else:
            connection.send_query_params(text, self._values, types, formats)
        return 1

    def rows(self, answer: PGresult) -> Sequence[tuple[Any, ...]]:
        """Return the rows of its answer."""
        self._transformer.set_pgresult(answer)
        return self._transformer.load_rows(0, answer.ntuples, tuple)


async def exchange(driver: AsyncConnection[Any], send: Callable[[PGconn], None], answers: list[PGresult]) -> None:
    """Send what `send` puts into the message, and add every command's answer to `answers` until the last is there.

    Raises the driver's OperationalError when the connection is lost.
    """
    async with driver.lock:
        await driver.wait(_exchange(driver.pgconn, send, answers))


def _exchange(connection: PGconn, send: Callable[[PGconn], None], answers: list[PGresult]) -> PQGen[None]:
    connection.enter_pipeline_mode()
    send(connection)
    connection.pipeline_sync()
    while connection.flush():
        if (yield Wait.RW) & Ready.R:  # it may be telling us so much that it does not listen
            connection.consume_input()
    while True:
        while connection.is_busy():
            if (yield Wait.R) & Ready.R:
                connection.consume_input()
        answer = connection.get_result()
        if answer is None:  # the end of one command's answers
            continue
        if answer.status == ExecStatus.PIPELINE_SYNC:
            break
        answers.append(answer)
    connection.exit_pipeline_mode()
