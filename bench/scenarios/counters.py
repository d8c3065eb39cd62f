"""What it costs to read how many items a queue has, at ten million of them, however many differences are not folded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import quantiles

import psycopg

from bench.answers import value
from bench.figures import Target
from bench.fleet import SPARE, moved, wait_until, worker
from bench.population import QueueKey, add_finished, add_queues, add_waiting, as_fleet, settle
from bench.scenario import Ground, Outcome, Scenario, say
from bench.statements import for_psycopg
from fairlead.queries.depths import DEPTH
from fairlead.schema.row_security import APP_ROLE, ORGANIZATION_SETTING

_ITEMS = 10_000_000
_FINISHED = 0.9  # of them
_READS = 500
_UNFOLDED = 10_000  # more than a busy worker's claims and outcomes leave between two foldings
_DEPTH = for_psycopg(DEPTH)
_ROWS = "select count(*) from item_counters where organization_id = %s and queue_id = %s"
_DIFFERENCES = """
insert into item_counters (organization_id, queue_id, waiting, processing)
select %s, %s, case when n %% 2 = 0 then 1 else -1 end, case when n %% 2 = 0 then -1 else 1 end
from generate_series(1, %s) n
"""


def _measure(ground: Ground) -> Outcome:
    items = ground.scaled(_ITEMS)
    with ground.database("counters") as url:
        queue = add_queues(url)[0]
        say(f"  Loading {items:,} items")
        add_finished(url, queue, round(items * _FINISHED))
        add_waiting(url, [queue], items - round(items * _FINISHED) + SPARE)
        settle(url)
        working = [_while_working(url, queue) for _ in range(ground.rounds)]
        with as_fleet(url) as fleet:
            fleet.execute(_DIFFERENCES, (*queue[:2], _UNFOLDED))
        unfolded = _reads(url, queue)
    say(f"    while a worker works {working}, unfolded {unfolded}")
    title = f"a depth read at {items:,} items"
    targets = {
        f"{title}, the median": [one["p50"] for one in working],
        f"{title}, p95": [one["p95"] for one in working],
        f"{title}, the median with {_UNFOLDED:,} differences not folded": [unfolded["p50"]],
    }
    return Outcome(
        [Target(name, 2, at_most=True, unit="ms").over(values) for name, values in targets.items()],
        {"milliseconds": {"working": working, "unfolded": unfolded}},
    )


def _while_working(url: str, queue: QueueKey) -> dict[str, float]:
    with as_fleet(url) as fleet, worker(url) as process:
        before = moved(fleet)
        wait_until(lambda: moved(fleet) > before, process)
        return _reads(url, queue)


def _reads(url: str, queue: QueueKey) -> dict[str, float]:
    with _as_tenant(url, queue) as connection:
        milliseconds = []
        for _ in range(_READS):
            began = time.perf_counter()
            connection.execute(_DEPTH, queue._asdict()).fetchall()
            milliseconds.append((time.perf_counter() - began) * 1000)
        rows = value(connection, _ROWS, queue[:2])
    cuts = quantiles(milliseconds, n=100, method="inclusive")
    return {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2), "p99": round(cuts[98], 2), "counter_rows": rows}


@contextmanager
def _as_tenant(url: str, queue: QueueKey) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"set role {APP_ROLE}")
        connection.execute("select set_config(%s, %s, false)", (ORGANIZATION_SETTING, queue.organization_id))
        yield connection


COUNTERS = Scenario(
    name="counters",
    title="Reading the counters",
    how=f"One queue, nine tenths of its items finished; the product's own read of a depth (the counters by status and "
    f"the item that has waited longest) as {APP_ROLE}, {_READS} times on one connection, while a worker works and "
    f"folds, and then with {_UNFOLDED:,} differences that nobody folds",
    measure=_measure,
)
