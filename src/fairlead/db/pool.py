"""The pool: connections that lie ready, at most so many at once, each given to one user at a time.

Each is open in SQLAlchemy and in the driver at once, so that a transaction may use either. SQLAlchemy's own pool is
not in between: taking a connection out of it and giving it back costs more than a statement (`docs/adr/0011`).

Promises: a connection is taken out and put back without a message; one that the server has ended is noticed and
replaced before anything is sent on it; what somebody left open on it is rolled back before anybody else gets it. Those
who wait for one are served in the order in which they came; one organization never has all of them (`db/admission.py`).
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import PipelineStatus, TransactionStatus
from sqlalchemy.ext.asyncio import AsyncConnection as MappedConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from fairlead.db.admission import Admission
from fairlead.db.one_trip import Prepared, exchange
from fairlead.errors import Busy

Result = TypeVar("Result")


class Pooled:
    """A connection of the pool: for SQLAlchemy, for the driver, and what the server has prepared for it."""

    __slots__ = ("_poll", "driver", "mapped", "organization_id", "prepared")

    def __init__(self, mapped: MappedConnection, driver: AsyncConnection[Any], organization_id: str) -> None:
        self.mapped = mapped
        self.driver = driver
        self.organization_id = organization_id  # for whose work it was taken last
        self.prepared = Prepared()
        self._poll = select.poll()
        self._poll.register(driver.fileno(), select.POLLIN)

    @property
    def is_fresh(self) -> bool:
        """Whether it can be used: the server says nothing to an idle connection but that it ends, or is changed."""
        return not self.driver.closed and not self._poll.poll(0)

    @property
    def is_clean(self) -> bool:
        """Whether no transaction is open on it and nothing more is to come."""
        connection = self.driver.pgconn
        return (
            connection.transaction_status == TransactionStatus.IDLE
            and connection.pipeline_status == PipelineStatus.OFF
            and not self.mapped.in_transaction()
        )


class Pool:
    """At most `size` connections; who finds none free waits so many seconds for one, then gets Busy."""

    def __init__(self, engine: AsyncEngine, *, size: int, patience_seconds: float) -> None:
        self.size = size
        self._engine = engine
        self._patience_seconds = patience_seconds
        self._admission = Admission(size)
        self._idle: list[Pooled] = []
        self._under_way: set[asyncio.Task[Any]] = set()  # what a cancellation must not leave half done
        self._closed = False

    async def take(self, organization_id: str = "") -> Pooled:
        """Return a connection that was alive just now, for that organization's work; it has to be given back."""
        await self._wait_for_one(organization_id)
        try:
            while self._idle:
                pooled = self._idle.pop()
                if pooled.is_fresh:
                    pooled.organization_id = organization_id
                    return pooled
                await _close(pooled)
        except BaseException:
            self._admission.leave(organization_id)
            raise
        return await self._opened(organization_id)

    async def give_back(self, pooled: Pooled) -> None:
        """Take a connection back, whatever state it is in; a second cancellation does not leave anything open."""
        if pooled.is_clean and not self._closed:
            self._idle.append(pooled)
            self._admission.leave(pooled.organization_id)
        else:
            await asyncio.shield(self._begun(self._cleaned(pooled)))

    async def close(self) -> None:
        """Close every connection, those in use when they are given back; safe to call twice."""
        self._closed = True
        while self._under_way:
            await asyncio.wait(self._under_way)
        while self._idle:
            await _close(self._idle.pop())
        await self._engine.dispose()

    async def _wait_for_one(self, organization_id: str) -> None:
        if self._admission.is_open(organization_id):
            await self._admission.enter(organization_id)
            return
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._admission.enter(organization_id)
        except TimeoutError:
            raise Busy("Every database connection of this process is in use; nothing was changed.") from None

    async def _opened(self, organization_id: str) -> Pooled:
        """Open a connection; when that is cancelled, it lies ready for the next as soon as it is open."""
        opening = self._begun(_open(self._engine, organization_id))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._begun(self._kept(opening, organization_id))
            raise
        except BaseException:
            self._admission.leave(organization_id)
            raise

    async def _kept(self, opening: asyncio.Task[Pooled], organization_id: str) -> None:
        try:
            pooled = await opening
        except Exception:  # noqa: BLE001 - nobody waits for it any more
            self._admission.leave(organization_id)
        else:
            await self.give_back(pooled)

    def _begun(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Let it go on whatever becomes of who waits for it."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _cleaned(self, pooled: Pooled) -> None:
        try:
            if await _rolled_back(pooled) and not self._closed:
                self._idle.append(pooled)
            else:
                await _close(pooled)
        finally:
            self._admission.leave(pooled.organization_id)


async def _open(engine: AsyncEngine, organization_id: str) -> Pooled:
    mapped = await engine.connect()
    driver = (await mapped.get_raw_connection()).driver_connection
    if not isinstance(driver, AsyncConnection):
        raise TypeError(f"the driver must be psycopg's async connection, not {type(driver)}")
    return Pooled(mapped, driver, organization_id)


async def _rolled_back(pooled: Pooled) -> bool:
    """Roll back what is open, in SQLAlchemy's eyes too; tell whether the connection is as good as new."""
    driver = pooled.driver
    if driver.closed or driver.pgconn.pipeline_status != PipelineStatus.OFF:
        return False
    with suppress(psycopg.Error):
        if driver.info.transaction_status is not TransactionStatus.IDLE:
            await exchange(driver, lambda connection: connection.send_query_params(b"rollback", None), [])
        await pooled.mapped.rollback()
    return pooled.is_clean


async def _close(pooled: Pooled) -> None:
    """Close it without a word to the server, so that a server that does not answer is not waited for."""
    await pooled.driver.close()
    await pooled.mapped.invalidate()
    await pooled.mapped.close()
