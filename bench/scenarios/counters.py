"""What it costs to read how many items a queue has, at ten million of them, while a worker works on them."""

from __future__ import annotations

import time

import psycopg

from bench.answers import value
from bench.figures import Target
from bench.fleet import SPARE, moved, wait_until, worker
from bench.peers.common import middle_and_tail
from bench.population import QueueKey, add_finished, add_queues, add_waiting, as_fleet, settle
from bench.scenario import Ground, Outcome, Scenario, say
from fairlead.schema.row_security import APP_ROLE, ORGANIZATION_SETTING

_ITEMS = 10_000_000
_FINISHED = 0.9  # of them
_READS = 500
_DEPTH = """
select coalesce(sum(waiting), 0), coalesce(sum(processing), 0), coalesce(sum(completed), 0), coalesce(sum(failed), 0),
    coalesce(sum(cancelled), 0)
from item_counters where organization_id = %s and queue_id = %s
"""
_ROWS = "select count(*) from item_counters where organization_id = %s and queue_id = %s"


def _measure(ground: Ground) -> Outcome:
    items = ground.scaled(_ITEMS)
    with ground.database("counters") as url:
        queue = add_queues(url)[0]
        say(f"  Loading {items:,} items")
        add_finished(url, queue, round(items * _FINISHED))
        add_waiting(url, [queue], items - round(items * _FINISHED) + SPARE)
        settle(url)
        rounds = [_reads(url, queue) for _ in range(ground.rounds)]
    say(f"    {rounds}")
    return Outcome(
        [Target(f"depth read at {items:,} items", 2, at_most=True, unit="ms").over([one["p50"] for one in rounds])],
        {"milliseconds": rounds},
    )


def _reads(url: str, queue: QueueKey) -> dict[str, float]:
    with as_fleet(url) as fleet, psycopg.connect(url, autocommit=True) as connection, worker(url) as process:
        before = moved(fleet)
        wait_until(lambda: moved(fleet) > before, process)
        connection.execute(f"set role {APP_ROLE}")
        connection.execute("select set_config(%s, %s, false)", (ORGANIZATION_SETTING, queue.organization_id))
        milliseconds = []
        for _ in range(_READS):
            began = time.perf_counter()
            connection.execute(_DEPTH, queue[:2]).fetchall()
            milliseconds.append((time.perf_counter() - began) * 1000)
        rows = value(connection, _ROWS, queue[:2])
    return {**middle_and_tail(milliseconds), "counter_rows": rows}


COUNTERS = Scenario(
    name="counters",
    title="Reading the counters",
    how=f"One queue, nine tenths of its items finished; the sum of its counter rows by status as {APP_ROLE}, {_READS} "
    "times on one connection, while a worker works and folds; the median read counts",
    measure=_measure,
)
