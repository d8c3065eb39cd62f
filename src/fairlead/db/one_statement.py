"""One statement as a transaction of its own, in one message: its beginning, its settings, itself and its end.

Half the price of the three messages that a unit of work takes (`docs/adr/0011`), and the same transaction: the server
skips everything after the first command that fails, the end too.

Promises: an error that says nothing was changed is true. The end is the last of the commands, so a transaction whose
statement was answered with an error is not committed; when the connection is lost before an answer to the end came,
nobody knows, and the error says so. A connection that turns out to be dead before the beginning was answered, and one
whose server has forgotten what it had prepared, have changed nothing: the statement is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from fairlead.db.one_trip import Call, exchange
from fairlead.db.pool import Pool, Pooled
from fairlead.db.sqlstate import from_driver, translated
from fairlead.db.statement import Statement
from fairlead.errors import DatabaseUnavailable

UNKNOWN: Final = "The database went away; nobody knows whether it kept the change."


@dataclass(frozen=True, slots=True)
class Frame:
    """The commands that make a statement a transaction: those before it, and its end; and whose work it is."""

    before: Sequence[bytes]
    end: bytes
    organization_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a statement, none when it returns none, and how many it returned or changed."""

    rows: Sequence[tuple[Any, ...]]
    row_count: int


class _SendAgainError(Exception):
    """Nothing was changed, and on another connection, or unprepared, it may well work."""

    def __init__(self, reason: psycopg.Error) -> None:
        self.reason = reason


async def run_alone(
    pool: Pool, frame: Frame, *, statement: Statement, parameters: Mapping[str, Any], prepare_after: int | None
) -> Answer:
    """Run it and return its answer once it is committed; raises the errors of `db/sqlstate.py`."""
    for tries_left in range(pool.size, -1, -1):
        with translated():
            pooled = await pool.take(frame.organization_id)
        try:
            return await _tried(pooled, frame, statement, parameters, prepare_after)
        except _SendAgainError as again:
            if not tries_left:
                raise (from_driver(again.reason) or again.reason) from again.reason
        finally:
            await pool.give_back(pooled)
    raise AssertionError  # the last try returns or raises


async def _tried(
    pooled: Pooled, frame: Frame, statement: Statement, parameters: Mapping[str, Any], prepare_after: int | None
) -> Answer:
    try:
        call = Call(pooled.driver, statement, parameters)
    except (psycopg.DataError, UnicodeEncodeError) as error:
        raise (from_driver(error) or error) from error
    answers, end = await _exchanged(pooled, frame, call, prepare_after)
    for place, answer in enumerate(answers):
        if answer.status == ExecStatus.FATAL_ERROR:
            failure = error_from_result(answer)
            raise _judged(pooled, failure, first=place == 0, last=place == end) from failure
    if len(answers) <= end:
        raise DatabaseUnavailable(UNKNOWN)
    answer = answers[end - 1]
    return Answer(call.rows(answer) if answer.status == ExecStatus.TUPLES_OK else [], answer.command_tuples or 0)


async def _exchanged(
    pooled: Pooled, frame: Frame, call: Call, prepare_after: int | None
) -> tuple[Sequence[PGresult], int]:
    """Return the answers, fewer when the connection was lost, and the place that the end's has among them."""
    answers: list[PGresult] = []
    end = len(frame.before)

    def send(connection: PGconn) -> None:
        nonlocal end
        for command in frame.before:
            connection.send_query_params(command, None)
        end += call.send(connection, pooled.prepared, after=prepare_after)
        connection.send_query_params(frame.end, None)

    with suppress(psycopg.OperationalError):  # what came before it was lost is what counts
        await exchange(pooled.driver, send, answers)
    return answers, end


def _judged(pooled: Pooled, error: psycopg.Error, *, first: bool, last: bool) -> Exception:
    """Return what an error in answer to the first, the last or another command means.

    Without a SQLSTATE it is not the server's: the connection was lost, and whatever was sent may have been done.
    """
    if error.sqlstate is None or (last and pooled.driver.closed):
        return DatabaseUnavailable(UNKNOWN)
    if isinstance(error, InvalidSqlStatementName):
        pooled.prepared.forget()
        return _SendAgainError(error)
    if first and pooled.driver.closed:
        return _SendAgainError(error)
    return from_driver(error) or error
