"""One transaction: opened at the edge, in one scope, committed here and nowhere else.

`unit_of_work` is one request, one command or one turn of a loop. Its first statement sets, for this transaction only,
the role, the organization that row-level security compares with, and the time limits; nothing of it outlives the
transaction, whatever happens to the connection. Leaving the block commits; an exception or a cancellation rolls back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from sqlalchemy import Executable, Result
from sqlalchemy.ext.asyncio import AsyncSession

from fairlead.db.connect import DatabaseOptions, async_engine
from fairlead.db.sqlstate import translated
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope

ENTER = Statement("""
select set_config('role', :role, true),
       set_config('fairlead.organization_id', :organization_id, true),
       set_config('statement_timeout', :statement_timeout, true),
       set_config('lock_timeout', :lock_timeout, true)
""")


class Session:
    """An open transaction: `execute` for SQLAlchemy statements, `run` for the engine's."""

    def __init__(self, orm: AsyncSession, driver: AsyncConnection[Any]) -> None:
        self._orm = orm
        self._driver = driver

    async def execute(self, statement: Executable) -> Result[Any]:
        """Run a SQLAlchemy statement."""
        return await self._orm.execute(statement)

    async def run(self, statement: Statement, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Run an engine statement on the driver and return its rows, none when it returns none."""
        cursor = await self._driver.execute(statement.driver_text, parameters)
        return await cursor.fetchall() if cursor.description is not None else []

    async def row_count(self, statement: Statement, parameters: Mapping[str, Any]) -> int:
        """Run an engine statement that returns no rows and return how many it changed."""
        return (await self._driver.execute(statement.driver_text, parameters)).rowcount


class Database:
    """A pool of connections and the transactions on them; one a process is usual."""

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        self._engine = async_engine(options)

    @asynccontextmanager
    async def unit_of_work(self, scope: Scope) -> AsyncIterator[Session]:
        """Open a transaction in `scope`; raises the errors of `db/sqlstate.py`."""
        with translated():
            async with AsyncSession(self._engine, expire_on_commit=False) as orm:
                session = await self._entered(orm, scope)
                yield session
                await orm.commit()

    async def _entered(self, orm: AsyncSession, scope: Scope) -> Session:
        connection = await orm.connection()
        driver = (await connection.get_raw_connection()).driver_connection
        if not isinstance(driver, AsyncConnection):
            raise TypeError(f"the driver must be psycopg's async connection, not {type(driver)}")
        session = Session(orm, driver)
        await session.run(
            ENTER,
            {
                "role": scope.role,
                "organization_id": scope.organization_id,
                "statement_timeout": f"{self.options.statement_timeout_seconds:g}s",
                "lock_timeout": f"{self.options.lock_timeout_seconds:g}s",
            },
        )
        return session

    async def close(self) -> None:
        """Close every connection; safe to call twice."""
        await self._engine.dispose()
