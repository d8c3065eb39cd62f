"""`fairlead bench`: what this machine and database give: enqueue, drain and latency of items that do nothing.

The worker is the real one, as a process of its own; rates of the drain come from the database's clock, from the first
start to the last finish. The comparison with the raw limit and with peers is `make bench`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import quantiles
from typing import Annotated, TypeAlias

import typer
from rich.progress import Progress

from fairlead.bootstrap import Resources, open_resources
from fairlead.cli.child_worker import child_worker
from fairlead.cli.output import AsJson, messages, show, show_json, to_json
from fairlead.cli.running import command, loaded, run
from fairlead.db.tenancy import system
from fairlead.errors import OperatorError
from fairlead.queries.item_summary import ItemSummary, count_unfinished, results, summarize
from fairlead.services.enqueuer import Enqueuer
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.trials import Trial, erase_trial, make_trial

_SCOPE = system("a benchmark")
_BATCH = 1000
_PAYLOAD = {"number": 1, "text": "sixty characters or so of text, as a small real payload has it"}
_UNLIMITED = {"max_concurrency": None}
_QUEUES = {"bench-drain": _UNLIMITED, "bench-single": _UNLIMITED, "bench-latency": _UNLIMITED}
_SINGLE_SECONDS = 3.0
_SINGLE_CALLERS = 10
_COALESCED_CALLERS = 100
_WORKER = "fairlead.cli.bench_handlers:app"

Call: TypeAlias = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; rates are items a second, latencies milliseconds from enqueue to the handler's start."""

    items: int
    enqueue_bulk_per_second: float
    enqueue_single_per_second: float
    enqueue_transactional_per_second: float
    enqueue_coalesced_per_second: float
    drain_per_second: float
    latency_20_per_second_p50: float
    latency_20_per_second_p99: float
    latency_1000_per_second_p50: float
    latency_1000_per_second_p99: float


@command
def bench(
    *,
    items: Annotated[int, typer.Option(min=1000, max=10_000_000, help="Items to enqueue and drain.")] = 50_000,
    concurrency: Annotated[int, typer.Option(min=1, max=10_000, help="Handlers the worker runs at once.")] = 100,
    latency_seconds: Annotated[float, typer.Option(min=1, help="How long each latency run takes.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Measure enqueue, drain and latency of items that do nothing, on this machine and database."""
    figures = run(_bench(items, concurrency, latency_seconds))
    if as_json:
        show_json(to_json(figures))
    else:
        show(figures, as_json=False, title="Items a second, and milliseconds from enqueue to start")


async def _bench(items: int, concurrency: int, latency_seconds: float) -> Figures:
    settings = loaded()
    async with open_resources(settings, application_name="fairlead bench") as resources, _trial(resources) as trial:
        bulk = await _bulk_rate(resources, trial, items)
        async with child_worker(resources, application=_WORKER, concurrency=concurrency) as process:
            drained = await _drained(resources, trial, items, process)
            slow = await _latencies(resources, trial, rate=20, seconds=latency_seconds)
            fast = await _latencies(resources, trial, rate=1000, seconds=latency_seconds)
        single = await _single_rate(resources, trial)
        transactional = await _transactional_rate(resources, trial)
        coalesced = await _coalesced_rate(resources, trial)
    return Figures(
        items,
        bulk,
        single,
        transactional,
        coalesced,
        drained.completed / drained.seconds,
        *_middle_and_tail(slow),
        *_middle_and_tail(fast),
    )


@asynccontextmanager
async def _trial(resources: Resources) -> AsyncIterator[Trial]:
    trial = await make_trial(resources.database, _SCOPE, name="Benchmark", queues=_QUEUES)
    try:
        yield trial
    finally:
        messages.print("Removing the benchmark's items")
        await erase_trial(resources.database, _SCOPE, trial=trial)


async def _bulk_rate(resources: Resources, trial: Trial, items: int) -> float:
    began = time.monotonic()
    with Progress(console=messages, transient=True) as progress:
        bar = progress.add_task("Enqueueing", total=items)
        for start in range(0, items, _BATCH):
            await _enqueue(resources, trial, "bench-drain", [_PAYLOAD] * min(_BATCH, items - start))
            progress.advance(bar, _BATCH)
    return items / (time.monotonic() - began)


async def _single_rate(resources: Resources, trial: Trial) -> float:
    """Enqueue one item a call from ten callers, a connection each: with an enqueuer of its own nobody shares."""
    messages.print(f"Enqueueing one by one for {_SINGLE_SECONDS:g} seconds")
    async with AsyncExitStack() as stack:
        calls = [await _one_by_one(stack, resources, trial) for _ in range(_SINGLE_CALLERS)]
        return await _rate_of_calls(calls)


async def _transactional_rate(resources: Resources, trial: Trial) -> float:
    """Enqueue one item in each transaction of ten callers, as who enqueues beside changes of its own does."""
    messages.print(f"Enqueueing one a transaction for {_SINGLE_SECONDS:g} seconds")
    return await _rate_of_calls([lambda: _enqueue(resources, trial, "bench-single", [_PAYLOAD])] * _SINGLE_CALLERS)


async def _coalesced_rate(resources: Resources, trial: Trial) -> float:
    """Enqueue one item a call from a hundred callers, who share transactions."""
    messages.print(f"Enqueueing one by one, coalesced, for {_SINGLE_SECONDS:g} seconds")
    async with AsyncExitStack() as stack:
        return await _rate_of_calls([await _one_by_one(stack, resources, trial)] * _COALESCED_CALLERS)


async def _one_by_one(stack: AsyncExitStack, resources: Resources, trial: Trial) -> Call:
    """Return what enqueues one item through an enqueuer of its own."""
    enqueuer = await stack.enter_async_context(_enqueuer(resources))
    item = ItemInput(payload=_PAYLOAD)
    return lambda: enqueuer.enqueue(trial.scope, queue_id=trial.queues["bench-single"], item=item)


def _enqueuer(resources: Resources) -> Enqueuer:
    return Enqueuer(resources.database, on_enqueued=resources.notifier.announce)


async def _rate_of_calls(calls: Sequence[Call]) -> float:
    """Return how many calls a second return when each is made again and again, all at the same time."""
    began = time.monotonic()
    end = began + _SINGLE_SECONDS

    async def caller(call: Call) -> int:
        count = 0
        while time.monotonic() < end:
            await call()
            count += 1
        return count

    made = sum(await asyncio.gather(*map(caller, calls)))
    return made / (time.monotonic() - began)


async def _drained(resources: Resources, trial: Trial, items: int, process: asyncio.subprocess.Process) -> ItemSummary:
    scope, queue_id = trial.scope, trial.queues["bench-drain"]
    with Progress(console=messages, transient=True) as progress:
        bar = progress.add_task("Draining", total=items)
        while True:
            async with resources.database.unit_of_work(scope) as session:
                left = await count_unfinished(session, scope, queue_id=queue_id)
                if not left:
                    return await summarize(session, scope, queue_id=queue_id)
            progress.update(bar, completed=items - left)
            if process.returncode is not None:
                raise OperatorError("The benchmark's worker stopped; run 'fairlead worker' by hand to see why.")
            await asyncio.sleep(0.5)


async def _latencies(resources: Resources, trial: Trial, *, rate: int, seconds: float) -> list[float]:
    """Enqueue at a steady rate (open loop: late is not skipped) and return each item's milliseconds."""
    messages.print(f"Measuring latency at {rate} a second for {seconds:g} seconds")
    queue_id = trial.queues["bench-latency"]
    sent: list[asyncio.Task[str]] = []
    async with _enqueuer(resources) as enqueuer:
        began = time.monotonic()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            item = ItemInput(payload={"sent": time.monotonic()})
            sent.append(asyncio.create_task(enqueuer.enqueue(trial.scope, queue_id=queue_id, item=item)))
        ids = set(await asyncio.gather(*sent))
    while True:
        async with resources.database.unit_of_work(trial.scope) as session:
            done = await results(session, trial.scope, queue_id=queue_id)
        if ids <= done.keys():
            return [float(done[item_id]["milliseconds"]) for item_id in ids]
        await asyncio.sleep(0.1)


async def _enqueue(resources: Resources, trial: Trial, queue: str, payloads: list[dict[str, object]]) -> list[str]:
    queue_id = trial.queues[queue]
    async with resources.database.unit_of_work(trial.scope) as session:
        ids = await enqueue_items(
            session, trial.scope, queue_id=queue_id, items=[ItemInput(payload=payload) for payload in payloads]
        )
    resources.notifier.announce(queue_id)
    return ids


def _middle_and_tail(values: list[float]) -> tuple[float, float]:
    """Return the 50th and 99th percentile."""
    cuts = quantiles(values, n=100, method="inclusive")
    return round(cuts[49], 2), round(cuts[98], 2)
