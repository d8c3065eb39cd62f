from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from anyio.lowlevel import checkpoint
from sqlalchemy import text
from tests.fixtures.faults import end_connections
from tests.fixtures.waiting import until

from fairlead.db.connect import DatabaseOptions, async_engine
from fairlead.db.pool import Pool, Pooled
from fairlead.errors import Busy

pytestmark = pytest.mark.anyio

SIZE = 2
COUNT = "select count(*) from pg_stat_activity where application_name = 'pooled'"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of two connections, whose users wait for one as long as it takes."""
    engine = async_engine(DatabaseOptions(url=database_url, application_name="pooled"))
    opened = Pool(engine, size=SIZE, patience_seconds=60)
    yield opened
    await opened.close()


async def _backend(pooled: Pooled) -> int:
    row = await (await pooled.driver.execute("select pg_backend_pid()")).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_connection_is_used_again(pool: Pool) -> None:
    """What was given back is what the next one gets, without another being opened."""
    first = await pool.take()
    backend = await _backend(first)
    await pool.give_back(first)
    second = await pool.take()
    assert await _backend(second) == backend
    await pool.give_back(second)


async def test_never_more_than_its_size(pool: Pool, server_url: str) -> None:
    """However many want one, cancelled or not, there are never more connections than the pool's size."""

    async def use(number: int) -> None:
        pooled = await pool.take()
        try:
            await pooled.driver.execute("begin")
            await pooled.driver.execute("select 1")
            if number % 3 == 0:
                raise asyncio.CancelledError
            await pooled.driver.execute("commit")
        finally:
            await pool.give_back(pooled)

    tasks = [asyncio.create_task(use(number)) for number in range(200)]
    for number, task in enumerate(tasks):
        await checkpoint()
        if number % 5 == 0:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    with psycopg.connect(server_url) as connection:
        assert connection.execute(COUNT).fetchone() in [(1,), (2,)]
    both = [await pool.take() for _ in range(SIZE)]
    assert {pooled.is_clean for pooled in both} == {True}
    for pooled in both:
        await pool.give_back(pooled)


async def test_who_came_first_is_served_first(pool: Pool) -> None:
    """Those who wait get connections in the order in which they came, and one who gave up leaves its turn."""
    both = [await pool.take() for _ in range(SIZE)]
    served: list[int] = []

    async def use(number: int) -> None:
        pooled = await pool.take()
        served.append(number)
        await pool.give_back(pooled)

    waiting = [asyncio.create_task(use(number)) for number in range(5)]
    await checkpoint()
    waiting[2].cancel()
    for pooled in both:
        await pool.give_back(pooled)
    await asyncio.gather(*waiting, return_exceptions=True)
    assert served == [0, 1, 3, 4]


async def test_patience_ends(database_url: str) -> None:
    """Who gets none in time is told so, and has taken nothing from the others."""
    pool = Pool(async_engine(DatabaseOptions(url=database_url)), size=1, patience_seconds=0.01)
    only = await pool.take()
    for _ in range(3):
        with pytest.raises(Busy):
            await pool.take()
    await pool.give_back(only)
    await pool.give_back(await pool.take())
    await pool.close()


async def test_what_is_left_open_is_rolled_back(pool: Pool) -> None:
    """A connection that is given back in a transaction, the driver's or SQLAlchemy's, is clean for the next."""
    for leave_open in ("begin; set local lock_timeout = 1", "begin; select 1 / 0"):
        pooled = await pool.take()
        backend = await _backend(pooled)
        await pooled.mapped.execute(text("select 1"))
        try:
            await pooled.driver.execute(leave_open.encode())
        except psycopg.errors.DivisionByZero:
            assert "1 / 0" in leave_open
        assert not pooled.is_clean
        await pool.give_back(pooled)
        again = await pool.take()
        assert again.is_clean
        assert await _backend(again) == backend
        await pool.give_back(again)


async def test_what_the_server_ended_is_replaced(pool: Pool, server_url: str, database_url: str) -> None:
    """A connection that died while nobody used it is not given to anybody."""
    pooled = await pool.take()
    backend = await _backend(pooled)
    await pool.give_back(pooled)
    assert end_connections(server_url, database_url) >= 1

    async def gone() -> bool:
        return not pooled.is_fresh

    await until(gone, what="the server ends the connection")
    another = await pool.take()
    assert await _backend(another) != backend
    await pool.give_back(another)


async def test_a_cancelled_opening_is_not_lost(pool: Pool) -> None:
    """Who is cancelled while a connection is being opened for it leaves the pool as large as it was."""
    for steps in range(12):
        taking = asyncio.create_task(pool.take())
        for _ in range(steps):
            await checkpoint()
        taking.cancel()
        result = (await asyncio.gather(taking, return_exceptions=True))[0]
        if isinstance(result, Pooled):
            await pool.give_back(result)
    async with asyncio.timeout(10):
        both = [await pool.take() for _ in range(SIZE)]
    for pooled in both:
        await pool.give_back(pooled)


async def test_closing_waits_for_nobody(pool: Pool) -> None:
    """A connection that is in use when the pool is closed works on, and is closed when it is given back."""
    used = await pool.take()
    await pool.close()
    assert await _backend(used)
    await pool.give_back(used)
    assert used.driver.closed
    await pool.close()


async def test_one_organization_leaves_a_connection(database_url: str) -> None:
    """While one organization has as many connections as it may and waits for more, another gets one at once."""
    pool = Pool(async_engine(DatabaseOptions(url=database_url)), size=5, patience_seconds=60)
    own = [await pool.take("ours") for _ in range(4)]
    waiting = asyncio.create_task(pool.take("ours"))
    await checkpoint()
    async with asyncio.timeout(10):
        await pool.give_back(await pool.take("theirs"))
    assert not waiting.done()
    await pool.give_back(own.pop())
    for pooled in (*own, await waiting):
        await pool.give_back(pooled)
    await pool.close()
