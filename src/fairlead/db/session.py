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
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import OperationalError
from psycopg.pq import TransactionStatus
from sqlalchemy import Executable, Result
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection as PooledConnection

from fairlead.db.connect import DatabaseOptions, async_engine
from fairlead.db.sqlstate import from_driver, from_sqlalchemy, translated
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope, entering
from fairlead.errors import DatabaseUnavailable

Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]
_BEGIN: Final[dict[Isolation, str]] = {
    "read committed": "begin",  # the server's default, unless somebody changed it for the login
    "repeatable read": "begin isolation level repeatable read",
    "serializable": "begin isolation level serializable",
}


class SessionMisused(RuntimeError):
    """A session was used as none can be: a mistake of the program, never of its user."""


class Session:
    """An open transaction: `run` for the engine's statements, `execute` for SQLAlchemy's.

    Both raise the errors of `db/sqlstate.py`, so that what is caught inside a savepoint is one of Fairlead's own. A
    session belongs to the task that opened it and ends with its unit of work: another task's statements would fall into
    this one's savepoints, and later ones into whatever transaction the connection is used for next. Such use raises
    SessionMisused.
    """

    def __init__(self, connection: PooledConnection, driver: AsyncConnection[Any]) -> None:
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


class Database:
    """A pool of connections and the transactions on them; one a process is usual."""

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        self._engine = async_engine(options)
        self._limits = (
            f"set local statement_timeout = {int(options.statement_timeout_seconds * 1000)}; "
            f"set local lock_timeout = {int(options.lock_timeout_seconds * 1000)}"
        )

    @asynccontextmanager
    async def unit_of_work(self, scope: Scope, *, isolation: Isolation = "read committed") -> AsyncIterator[Session]:
        """Open a transaction in `scope`; raises the errors of `db/sqlstate.py`.

        Above `read committed` the database may end it with `TransactionConflict`: `db/retry.py` tries again.
        """
        begin = f"{_BEGIN[isolation]}; {self._limits}; {entering(scope)}".encode()
        with translated():
            connection, driver = await self._begun(begin)
        session = Session(connection, driver)
        try:
            yield session
            if session.ignored and not driver.closed:
                raise _ignored(session.ignored)
            with translated():
                await _end(driver)
        finally:
            session.end()
            await _give_back(connection, driver)

    async def _begun(self, begin: bytes) -> tuple[PooledConnection, AsyncConnection[Any]]:
        """Return a connection with its transaction begun.

        A connection that died while it lay in the pool is noticed here, where nothing is lost yet, and replaced.
        """
        stale = self.options.pool_size
        while True:
            connection = await self._engine.connect()
            driver = await _driver_of(connection)
            try:
                await driver.execute(begin, prepare=False)
            except BaseException as error:
                await _give_back(connection, driver)
                if not (driver.closed and stale and isinstance(error, OperationalError)):
                    raise
                stale -= 1
            else:
                return connection, driver

    async def close(self) -> None:
        """Close every connection; safe to call twice."""
        await self._engine.dispose()


async def _driver_of(connection: PooledConnection) -> AsyncConnection[Any]:
    driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, AsyncConnection):
        raise TypeError(f"the driver must be psycopg's async connection, not {type(driver)}")
    return driver


async def _give_back(connection: PooledConnection, driver: AsyncConnection[Any]) -> None:
    """Return a connection to the pool, which rolls back what was not committed; a broken one is thrown away."""
    if driver.closed:
        await connection.invalidate()
    if driver.info.transaction_status is TransactionStatus.IDLE:
        await connection.close()
    else:  # a second cancellation must not leave the transaction open
        await asyncio.shield(connection.close())


async def _end(driver: AsyncConnection[Any]) -> None:
    """Commit."""
    if driver.closed:
        raise DatabaseUnavailable
    try:
        await driver.commit()
    except psycopg.Error as error:
        if driver.closed:
            raise DatabaseUnavailable("The database went away; nobody knows whether it kept the change.") from error
        raise


def _ignored(what: str) -> SessionMisused:
    return SessionMisused(
        f"{what} was ignored inside a unit of work, which cannot go on; nothing is committed. Put what may fail into "
        "'async with session.savepoint()', and catch the error around that."
    )
