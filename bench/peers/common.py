"""What the peers' programs share: their arguments, the measurements' form, and load at a given rate.

A program is told its database in BENCH_DATABASE_URL and prints one JSON line a measurement: `measure` and `values`,
where `values` are items a second for a rate, and milliseconds from before the enqueue to the handler's start for a
latency.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from statistics import quantiles

BATCH = 1000
CALLERS = 10
WARM_UP_RATE = 100
WARM_UP_SECONDS = 1
PAYLOAD = {"number": 1, "text": "sixty characters or so of text, as a small real payload has it"}


def arguments() -> argparse.Namespace:
    """Return what the benchmark asks for; `worker` is the role a program gives its own child."""
    parser = argparse.ArgumentParser()
    parser.add_argument("measures", help="comma-separated: install, bulk, single, drain, latency_20, latency_1000")
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--single-seconds", type=float, default=3)
    parser.add_argument("--latency-seconds", type=float, default=5)
    return parser.parse_args()


def database_url() -> str:
    """Return the database that is this program's own."""
    return os.environ["BENCH_DATABASE_URL"]


def report(measure: str, **values: float) -> None:
    """Print one measurement."""
    print(json.dumps({"measure": measure, "values": values}), flush=True)


async def rate_of_calls(call: Callable[[], Awaitable[object]], *, seconds: float) -> float:
    """Return calls a second with ten callers at once."""
    end = time.monotonic() + seconds

    async def caller() -> int:
        count = 0
        while time.monotonic() < end:
            await call()
            count += 1
        return count

    return sum(await asyncio.gather(*(caller() for _ in range(CALLERS)))) / seconds


async def rate_of_batches(call: Callable[[int], Awaitable[object]], *, items: int) -> float:
    """Return items a second with one caller and batches of a thousand."""
    began = time.monotonic()
    for start in range(0, items, BATCH):
        await call(min(BATCH, items - start))
    return items / (time.monotonic() - began)


async def send_steadily(call: Callable[[], Awaitable[object]], *, rate: int, seconds: float) -> int:
    """Call at a steady rate, open loop: a call that is late is not skipped. Return how many."""
    began, sent = time.monotonic(), []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        sent.append(asyncio.ensure_future(call()))
    await asyncio.gather(*sent)
    return len(sent)


def middle_and_tail(milliseconds: list[float]) -> dict[str, float]:
    """Return the 50th and the 99th percentile."""
    cuts = quantiles(milliseconds, n=100, method="inclusive")
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2)}
