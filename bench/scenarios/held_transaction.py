"""A transaction held open while items flow: nothing dead can be vacuumed, and the claims have to step over it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import quantiles

import psycopg

from bench.answers import value
from bench.figures import Target
from bench.fleet import finished_rate, moved, wait_until, worker
from bench.population import QueueKey, add_queues, add_waiting, as_fleet
from bench.scenario import Ground, Outcome, Scenario, alternated, say

_FLOW = 1_000_000
_WAITING = 60_000  # are kept waiting while they flow
_STEP = 5_000
_SLICES = 10
_FREE, _HELD = "undisturbed", "held"
_FINISHES = """
select extract(epoch from finished_at)::float from queue_items
where finished_at > %s and finished_at < 'infinity' order by 1
"""


def _measure(ground: Ground) -> Outcome:
    flow = ground.scaled(_FLOW)
    rates: dict[str, list[float]] = {_FREE: [], _HELD: []}
    claims: dict[str, list[float]] = {_FREE: [], _HELD: []}
    slices: dict[str, list[list[float]]] = {_FREE: [], _HELD: []}
    for round_number in range(ground.rounds):
        for name in alternated([_FREE, _HELD], round_number):
            with ground.database("flow") as url:
                rate, percentile, parts = _flow(url, flow, held=name == _HELD)
            rates[name].append(rate)
            claims[name].append(percentile)
            slices[name].append(parts)
            say(f"    {name}: {rate:,.0f} items/s, claim p99 {percentile:.1f} ms, tenths {[round(n) for n in parts]}")
    kept = [held / free for held, free in zip(rates[_HELD], rates[_FREE], strict=True)]
    return Outcome(
        [
            Target(f"throughput kept while a transaction is held open, {flow:,} items", 0.8).over(kept),
            Target("claim p99 meanwhile", 50, at_most=True, unit="ms").over(claims[_HELD]),
        ],
        {"items_per_second": rates, "claim_p99_milliseconds": claims, "items_per_second_by_tenths": slices},
    )


def _flow(url: str, items: int, *, held: bool) -> tuple[float, float, list[float]]:
    queue = add_queues(url)[0]
    add_waiting(url, [queue], min(items, _WAITING))
    with tempfile.TemporaryDirectory() as folder, as_fleet(url) as connection, _transaction(url, held=held):
        since = value(connection, "select statement_timestamp()")
        file = Path(folder) / "claims.json"
        with worker(url, observed=file) as process:
            added = min(items, _WAITING)
            while added < items:
                wait_until(partial(_has_room, connection, added), process)
                add_waiting(url, [queue], min(_STEP, items - added))
                added += min(_STEP, items - added)
            wait_until(lambda: not _unfinished(connection, queue), process)
        claims = [seconds * 1000 for _, seconds, _ in json.loads(file.read_text())]
        finishes = [row[0] for row in connection.execute(_FINISHES, (since,))]
        return finished_rate(connection, since), quantiles(claims, n=100, method="inclusive")[98], _tenths(finishes)


def _has_room(connection: psycopg.Connection, added: int) -> bool:
    return added - moved(connection) <= _WAITING - _STEP


@contextmanager
def _transaction(url: str, *, held: bool) -> Iterator[None]:
    """Hold a snapshot for as long as the block takes, or do not."""
    if not held:
        yield
        return
    with psycopg.connect(url) as connection:
        connection.execute("set transaction isolation level repeatable read")
        connection.execute("select count(*) from pg_class")
        yield
        connection.rollback()


def _unfinished(connection: psycopg.Connection, queue: QueueKey) -> int:
    parameters = (queue.organization_id, queue.queue_id)
    found = "select exists (select from queue_items_live where organization_id = %s and queue_id = %s)"
    return bool(value(connection, found, parameters))


def _tenths(finishes: Sequence[float]) -> list[float]:
    """Return items a second in each tenth of them."""
    step = max(1, len(finishes) // _SLICES)
    marks = [finishes[index] for index in range(0, len(finishes), step)]
    return [step / max(later - earlier, 1e-6) for earlier, later in pairwise(marks)]


HELD_TRANSACTION = Scenario(
    name="held_transaction",
    title="Items flow while a transaction is held open",
    how="A repeatable-read transaction with a snapshot is open from before the first item to after the last; the "
    "engine's ENQUEUE (run in the server, 5,000 a time) keeps some 60,000 waiting while a real worker drains; the same "
    "without it, in turn. Claims are timed in the worker, round trip included",
    measure=_measure,
)
