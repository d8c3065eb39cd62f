"""The memory of a worker: with a thousand items in flight, and after a million."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg

from bench.answers import value
from bench.figures import Target
from bench.fleet import moved, wait_until, worker
from bench.handlers import LONG
from bench.population import add_queues, add_waiting, as_fleet
from bench.scenario import Ground, Outcome, Scenario, say

_IN_FLIGHT = 1_000
_MUCH = 1_000_000
_EARLY = 0.1  # of them are done when its memory is first looked at
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)
_PROCESSING = "select count(*) from queue_items_live where status = 'processing'"


def _measure(ground: Ground) -> Outcome:
    rounds = []
    for _ in range(ground.rounds):
        in_flight = _in_flight(ground)
        early, late = _after_many(ground, ground.scaled(_MUCH))
        rounds.append({"in_flight": in_flight, "early": early, "late": late})
        say(f"    {rounds[-1]}")
    growth = [abs(one["late"] / one["early"] - 1) * 100 for one in rounds]
    title = f"memory of a worker that ran {ground.scaled(_MUCH):,} items, off what it was after a tenth by"
    return Outcome(
        [
            Target(f"memory of a worker with {_IN_FLIGHT:,} items in flight", 150, at_most=True, unit="MB").over(
                [one["in_flight"] for one in rounds]
            ),
            Target(title, 5, at_most=True, unit="%").over(growth),
        ],
        {"megabytes": rounds},
    )


def _in_flight(ground: Ground) -> float:
    with ground.database("memory") as url, as_fleet(url) as connection:
        add_waiting(url, add_queues(url, names=[LONG]), 4 * _IN_FLIGHT)
        with worker(url, concurrency=_IN_FLIGHT) as process:
            wait_until(lambda: _count(connection) >= _IN_FLIGHT, process)
            megabytes = _megabytes(process.pid)
            process.kill()  # its handlers would not end
    return megabytes


def _after_many(ground: Ground, items: int) -> tuple[float, float]:
    with ground.database("memory") as url, as_fleet(url) as connection:
        add_waiting(url, add_queues(url), items)
        with worker(url) as process:
            wait_until(lambda: moved(connection) >= items * _EARLY, process)
            early = _megabytes(process.pid)
            wait_until(lambda: moved(connection) >= items, process)
            return early, _megabytes(process.pid)


def _count(connection: psycopg.Connection) -> int:
    return int(value(connection, _PROCESSING))


def _megabytes(process_id: int) -> float:
    found = _RESIDENT.search(Path(f"/proc/{process_id}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


MEMORY = Scenario(
    name="memory",
    title="The memory of a worker",
    how="Resident memory of the process, of the kernel: with a thousand handlers running at once, and with no-op items "
    "after a tenth of a million and after all of them",
    measure=_measure,
)
