"""One transaction: opened at the edge, in one scope, committed here and nowhere else.

`unit_of_work` is one request, one command or one turn of a loop. Its first message begins the transaction and sets, for
this transaction only, the role, the organization that row-level security compares with, and the time limits; nothing
of it outlives the transaction, whatever happens to the connection. Leaving the block commits; an exception or a
cancellation rolls back.

The driver's connections are in autocommit mode and the transaction is begun and ended by this module, because that
costs three messages instead of five for a unit with one statement (measured: the drive through SQLAlchemy's own
transaction takes twice the time). SQLAlchemy runs inside it without noticing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import replace
from typing import Any, Final, Literal, NoReturn, Protocol, TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import OperationalError
from psycopg.pq import TransactionStatus
from sqlalchemy import Executable, Result
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection as MappedConnection

from fairlead.db.connect import DatabaseOptions, async_engine
from fairlead.db.one_statement import UNKNOWN, Answer, Frame, run_alone
from fairlead.db.pool import Pool, Pooled
from fairlead.db.sqlstate import from_driver, from_sqlalchemy, translated
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope, SystemScope, entering, set_command
from fairlead.errors import DatabaseUnavailable

Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]
_BEGIN: Final[dict[Isolation, str]] = {
    "read committed": "begin",  # the server's default, unless somebody changed it for the login
    "repeatable read": "begin isolation level repeatable read",
    "serializable": "begin isolation level serializable",
}


_MOMENT_SECONDS: Final = 0.25  # how long what is of many organizations waits for a lock
_NOT_ALONE: Final = "This session is for one engine statement alone; open a unit of work"


Send: TypeAlias = Callable[[Statement, Mapping[str, Any]], Awaitable[Answer]]


class SessionMisused(RuntimeError):
    """A session was used as none can be: a mistake of the program, never of its user."""


class Session:
    """An open transaction: `run` for the engine's statements, `execute` for SQLAlchemy's.

    Both raise the errors of `db/sqlstate.py`, so that what is caught inside a savepoint is one of Fairlead's own. A
    session belongs to the task that opened it and ends with its unit of work: another task's statements would fall into
    this one's savepoints, and later ones into whatever transaction the connection is used for next. Such use raises
    SessionMisused.
    """

    def __init__(self, connection: MappedConnection, driver: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._driver = driver
        self._task = asyncio.current_task()
        self._ended = False
        self._open_savepoints = 0
        self._failure = ""  # of a statement, not undone yet; the server does not know of those it never got

    async def run(self, statement: Statement, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Run an engine statement on the driver and return its rows, none when it returns none."""
        self._check_use()
        try:
            cursor = await self._driver.execute(statement.driver_text, parameters)
            return await cursor.fetchall() if cursor.description is not None else []
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise self._failed_by(from_driver(error) or error) from error

    async def row_count(self, statement: Statement, parameters: Mapping[str, Any]) -> int:
        """Run an engine statement that returns no rows and return how many it changed."""
        self._check_use()
        try:
            return (await self._driver.execute(statement.driver_text, parameters)).rowcount
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise self._failed_by(from_driver(error) or error) from error

    async def copy(self, statement: Statement, lines: Iterable[bytes] | AsyncIterable[bytes]) -> None:
        """Send lines to a `copy … from stdin` as they come; an error of whoever makes them undoes what was sent."""
        self._check_use()
        try:
            async with self._driver.cursor().copy(statement.driver_text) as copied:
                if isinstance(lines, AsyncIterable):
                    async for line in lines:
                        await copied.write(line)
                else:
                    for line in lines:
                        await copied.write(line)
        except psycopg.Error as error:
            raise self._failed_by(from_driver(error) or error) from error
        except Exception as error:  # of whoever makes the lines; the copy has failed, and with it the transaction
            self._failed_by(error)
            raise

    async def execute(self, statement: Executable) -> Result[Any]:
        """Run a SQLAlchemy statement."""
        self._check_use()
        try:
            return await self._connection.execute(statement)
        except (DBAPIError, UnicodeEncodeError) as error:
            raise self._failed_by(from_sqlalchemy(error) or error) from error

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what the block changed when it raises or ignored an error, and only that: the transaction goes on.

        They nest. A cancellation is not an error of the block but the end of the whole transaction.
        """
        self._check_use()
        name = f"s{self._open_savepoints}"
        await self._tell(f"savepoint {name}")
        self._open_savepoints += 1
        try:
            yield
            self._check_use()
            await self._tell(f"release savepoint {name}")
        except Exception:
            await self._tell(f"rollback to savepoint {name}; release savepoint {name}")
            self._failure = ""
            self._open_savepoints -= 1
            raise
        self._open_savepoints -= 1

    def end(self) -> None:
        """Let nobody use the session any more."""
        self._ended = True

    @property
    def ignored(self) -> str:
        """What somebody ignored, so that the transaction is not all that was meant and must not be committed."""
        if self._failure:
            return self._failure
        if self._driver.info.transaction_status is TransactionStatus.INERROR:
            return "an error"
        return "a cancellation" if self._open_savepoints else ""

    def _check_use(self) -> None:
        if self._ended:
            raise SessionMisused("This session's unit of work has ended; open another one.")
        if asyncio.current_task() is not self._task:
            raise SessionMisused("A session belongs to the task that opened it; open a unit of work in each task.")
        if self._failure:
            raise _ignored(self._failure)

    def _failed_by(self, error: Exception) -> Exception:
        self._failure = f"{type(error).__name__} ({error})"
        return error

    async def _tell(self, command: str) -> None:
        with translated():
            await self._driver.execute(command.encode(), prepare=False)


class Alone(Session):
    """A session for one statement of the engine's, which is a transaction of its own."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._used = False

    async def run(self, statement: Statement, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Run the one statement and return its rows, none when it returns none."""
        return (await self._only(statement, parameters)).rows

    async def row_count(self, statement: Statement, parameters: Mapping[str, Any]) -> int:
        """Run the one statement and return how many rows it returned or changed."""
        return (await self._only(statement, parameters)).row_count

    async def execute(self, statement: Executable) -> NoReturn:
        """Refuse a statement of SQLAlchemy's."""
        raise SessionMisused(f"{_NOT_ALONE} for '{statement}'.")

    def savepoint(self) -> NoReturn:
        """Refuse a savepoint."""
        raise SessionMisused(f"{_NOT_ALONE} with savepoints.")

    async def _only(self, statement: Statement, parameters: Mapping[str, Any]) -> Answer:
        if self._used:
            raise SessionMisused(f"{_NOT_ALONE} for a second statement: the first one is committed.")
        self._used = True
        return await self._send(statement, parameters)


class Looks(Protocol):
    """Where one statement can be run alone that may as well be run twice: a Database, or the one that listens."""

    def alone(self, scope: SystemScope) -> Session:
        """Return a session for one engine statement."""


class Database:
    """A pool of connections and the transactions on them; one a process is usual."""

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        patience = options.checkout_timeout_seconds
        self._pool = Pool(async_engine(options), size=options.pool_size, patience_seconds=patience)
        self._limits = limits(options)

    def impatient(self) -> Database:
        """Return this database, on the same connections, for transactions of many organizations: ADR 0031.

        They wait for a lock a moment only; what would wait longer raises Locked. It is closed with this
        one.
        """
        hasty = copy(self)
        hasty.options = replace(self.options, lock_timeout_seconds=_MOMENT_SECONDS)
        hasty._limits = limits(hasty.options)  # noqa: SLF001 - our own
        return hasty

    @asynccontextmanager
    async def unit_of_work(self, scope: Scope, *, isolation: Isolation = "read committed") -> AsyncIterator[Session]:
        """Open a transaction in `scope`; raises the errors of `db/sqlstate.py`.

        Above `read committed` the database may end it with `TransactionConflict`: `db/retry.py` tries again.
        """
        begin = self._begin(scope, isolation).encode()
        with translated():
            pooled = await self._begun(begin, scope)
        session, driver = Session(pooled.mapped, pooled.driver), pooled.driver
        try:
            yield session
            if session.ignored and not driver.closed:
                raise _ignored(session.ignored)
            with translated():
                await _end(driver)
        finally:
            session.end()
            await self._pool.give_back(pooled)

    def alone(self, scope: Scope) -> Session:
        """Return a session for one engine statement, which is committed when it has returned.

        It is sent in one message with its transaction around it (`db/one_statement.py`), at half the price of a unit of
        work. What comes after it cannot undo it, and a cancellation may come too late, as during any commit. Anything
        else on the session, and a second statement, raise SessionMisused.
        """
        return Alone(self.sender(scope))

    def sender(self, scope: Scope) -> Send:
        """Return what sends a statement that is a transaction of its own."""
        before = self._begin(scope, "read committed").encode().split(b"; ")
        frame = Frame(before, b"commit", scope.organization_id)

        async def send(statement: Statement, parameters: Mapping[str, Any]) -> Answer:
            prepare_after = self.options.prepare_after
            return await run_alone(
                self._pool, frame, statement=statement, parameters=parameters, prepare_after=prepare_after
            )

        return send

    async def close(self) -> None:
        """Close every connection; safe to call twice."""
        await self._pool.close()

    def _begin(self, scope: Scope, isolation: Isolation) -> str:
        """Return the commands that begin a transaction, none of which holds a semicolon of its own."""
        return f"{_BEGIN[isolation]}; {self._limits}; {entering(scope)}"

    async def _begun(self, begin: bytes, scope: Scope) -> Pooled:
        """Return a connection with its transaction begun.

        A connection that dies in this moment is noticed here, where nothing is lost yet, and replaced.
        """
        stale = self._pool.size
        while True:
            pooled = await self._pool.take(scope.organization_id)
            try:
                await pooled.driver.execute(begin, prepare=False)
            except BaseException as error:
                await self._pool.give_back(pooled)
                if not (pooled.driver.closed and stale and isinstance(error, OperationalError)):
                    raise
                stale -= 1
            else:
                return pooled


def limits(options: DatabaseOptions, *, local: bool = True) -> str:
    """Return the commands that set the time limits of the present transaction, or when not `local` of the session."""
    setting = set_command(local=local)
    return (
        f"{setting} statement_timeout = {int(options.statement_timeout_seconds * 1000)}; "
        f"{setting} lock_timeout = {int(options.lock_timeout_seconds * 1000)}"
    )


async def _end(driver: AsyncConnection[Any]) -> None:
    """Commit."""
    if driver.closed:
        raise DatabaseUnavailable
    try:
        await driver.commit()
    except psycopg.Error as error:
        if driver.closed:
            raise DatabaseUnavailable(UNKNOWN) from error
        raise


def _ignored(what: str) -> SessionMisused:
    return SessionMisused(
        f"{what} was ignored inside a unit of work, which cannot go on; nothing is committed. Put what may fail into "
        "'async with session.savepoint()', and catch the error around that."
    )
