"""Procrastinate at its fastest that we found: psycopg's pool, uvloop, ten jobs at once, done jobs deleted.

The drain runs until the queue is empty; its time is from the first job's start to the worker's end, because deleted
jobs leave nothing to read a time from. Nothing is logged, and the drain listens to no notifications.
"""

from __future__ import annotations

import logging
import time

import procrastinate
import uvloop

from bench.peers import common

_POOL = 12
_CONCURRENCY = 10
_started: list[float] = []
logging.disable(logging.CRITICAL)
app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=common.database_url(), min_size=_POOL, max_size=_POOL)
)


@app.task(name="nothing", queue="drain")
async def nothing(**_payload: object) -> None:
    """Do nothing but note when it began."""
    _started.append(time.monotonic())


async def bulk(items: int) -> None:
    """Enqueue in batches of a thousand."""
    rate = await common.rate_of_batches(lambda count: nothing.batch_defer_async(*[common.PAYLOAD] * count), items=items)
    common.report("bulk", rate=rate)


async def single(seconds: float) -> None:
    """Enqueue one by one from ten tasks."""
    job = nothing.configure(queue="single")
    rate = await common.rate_of_calls(lambda: job.defer_async(**common.PAYLOAD), seconds=seconds)
    common.report("single", rate=rate)


async def drain(items: int) -> None:
    """Work off what `bulk` put in; it has to have run before."""
    _started.clear()
    await app.run_worker_async(
        queues=["drain"],
        wait=False,
        concurrency=_CONCURRENCY,
        delete_jobs="successful",
        listen_notify=False,
        install_signal_handlers=False,
    )
    ended = time.monotonic()
    if len(_started) != items:
        raise SystemExit(f"Procrastinate ran {len(_started)} of {items} items")
    common.report("drain", rate=items / (ended - _started[0]))


async def main() -> None:
    """Take the measurements asked for, in order."""
    asked = common.arguments()
    async with app.open_async():
        for measure in asked.measures.split(","):
            match measure:
                case "install":
                    await app.schema_manager.apply_schema_async()
                case "empty":
                    await app.connector.execute_query_async("truncate procrastinate_jobs cascade")
                case "bulk":
                    await bulk(asked.items)
                case "single":
                    await single(asked.single_seconds)
                case "drain":
                    await drain(asked.items)
                case _:
                    raise SystemExit(f"there is no measure {measure}")


if __name__ == "__main__":
    uvloop.run(main())
