"""PgQueuer as its own documentation and benchmark set it up for speed: asyncpg, uvloop, its autovacuum settings.

Its schema is the durable one (its default). The drain is one queue manager in drain mode with a batch of 500 and no
limit on concurrency; its time is the database's, from the first `picked` to the last `successful` in its own log.
Latency is a continuous manager with its default batch of 10, in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

from bench.peers import common

_PAYLOAD = json.dumps(common.PAYLOAD).encode()
_DRAIN_BATCH = 500
_DRAIN_SECONDS = """
select extract(epoch from max(created) filter (where status = 'successful')
    - min(created) filter (where status = 'picked'))::float,
    count(*) filter (where status = 'successful')
from pgqueuer_log
"""


async def install() -> None:
    """Make the tables, durable, with the storage parameters `pgq autovac` sets."""
    connection = await asyncpg.connect(common.database_url())
    queries = Queries.from_asyncpg_connection(connection)
    await queries.install()
    await queries.optimize_autovacuum()
    await connection.close()


async def empty() -> None:
    """Take everything out, so that a measurement starts as the one before did."""
    connection = await asyncpg.connect(common.database_url())
    await connection.execute("truncate pgqueuer, pgqueuer_log, pgqueuer_statistics")
    await connection.close()


async def bulk(items: int) -> None:
    """Enqueue in batches of a thousand on one connection."""
    connection = await asyncpg.connect(common.database_url())
    queries = Queries.from_asyncpg_connection(connection)

    async def call(count: int) -> None:
        await queries.enqueue(["drain"] * count, [_PAYLOAD] * count, [0] * count)

    common.report("bulk", rate=await common.rate_of_batches(call, items=items))
    await connection.close()


async def single(seconds: float) -> None:
    """Enqueue one by one on ten connections of one process."""
    async with asyncpg.create_pool(common.database_url(), min_size=common.CALLERS, max_size=common.CALLERS) as pool:
        queries = Queries.from_asyncpg_pool(pool)
        rate = await common.rate_of_calls(lambda: queries.enqueue("single", _PAYLOAD), seconds=seconds)
    common.report("single", rate=rate)


async def drain(items: int) -> None:
    """Work off what `bulk` put in; it has to have run before."""
    connection = await asyncpg.connect(common.database_url())
    manager = PgQueuer.from_asyncpg_connection(connection)

    @manager.entrypoint("drain")
    async def nothing(_job: object) -> None:
        pass

    await manager.qm.run(batch_size=_DRAIN_BATCH, mode=QueueExecutionMode.drain)
    connection = await asyncpg.connect(common.database_url())
    seconds, done = await connection.fetchrow(_DRAIN_SECONDS)
    await connection.close()
    if done != items:
        raise SystemExit(f"PgQueuer drained {done} of {items} items")
    common.report("drain", rate=items / seconds)


async def latency(rate: int, seconds: float) -> None:
    """Enqueue at a steady rate while a worker of its own picks up."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.peers.pgqueuer", "worker"), stdout=asyncio.subprocess.PIPE
    )
    async with asyncpg.create_pool(common.database_url(), min_size=common.CALLERS, max_size=common.CALLERS) as pool:
        queries = Queries.from_asyncpg_pool(pool)

        async def call() -> None:
            await queries.enqueue("latency", repr(time.monotonic()).encode())

        # Starting up is no latency: what is measured begins after the worker has run something.
        warm = await common.send_steadily(call, rate=common.WARM_UP_RATE, seconds=common.WARM_UP_SECONDS)
        await _emptied(pool)
        sent = await common.send_steadily(call, rate=rate, seconds=seconds)
        await _emptied(pool)
    worker.send_signal(signal.SIGTERM)
    output, _ = await worker.communicate()
    measured = json.loads(output)
    if len(measured) != warm + sent:
        raise SystemExit(f"PgQueuer ran {len(measured)} of {warm + sent} items")
    common.report(f"latency_{rate}", **common.middle_and_tail(measured[warm:]))


async def _emptied(pool: asyncpg.Pool) -> None:
    while await pool.fetchval("select count(*) from pgqueuer"):  # noqa: ASYNC110  # another process empties it
        await asyncio.sleep(0.05)


async def worker() -> None:
    """Run until SIGTERM, and print the milliseconds of every item in the order they came."""
    measured: list[float] = []
    manager = PgQueuer.from_asyncpg_connection(await asyncpg.connect(common.database_url()))

    @manager.entrypoint("latency")
    async def arrived(job: object) -> None:
        measured.append((time.monotonic() - float(job.payload)) * 1000)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, manager.shutdown.set)
    await manager.qm.run()
    os.write(1, json.dumps(measured).encode())


async def main() -> None:
    """Take the measurements asked for, in order."""
    asked = common.arguments()
    for measure in asked.measures.split(","):
        match measure:
            case "install":
                await install()
            case "empty":
                await empty()
            case "bulk":
                await bulk(asked.items)
            case "single":
                await single(asked.single_seconds)
            case "drain":
                await drain(asked.items)
            case "worker":
                await worker()
            case _:
                await latency(int(measure.removeprefix("latency_")), asked.latency_seconds)


if __name__ == "__main__":
    uvloop.run(main())
