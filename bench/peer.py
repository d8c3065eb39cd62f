"""The peers, each a program in bench/peers run in their own environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contender import Contender, Load, Measurements, output_of
from bench.environment import NODE_PROGRAMS

_PGQUEUER = (
    "1.6.0, asyncpg, uvloop, durable, its autovacuum settings; drain mode, one manager, batch 500, no concurrency "
    "limit, timed by its own log; latency with its default batch of 10"
)
_PROCRASTINATE = (
    "3.10.0, psycopg pool of 12, uvloop, concurrency 10, successful jobs deleted, no logging, no notifications for "
    "the drain; a tenth of the items, because it is slow"
)
_GRAPHILE_WORKER = (
    "0.17.3 (0.18 needs Node 22), runOnce, 24 jobs at once, local queue of 500, completions batched without delay: "
    "its own page on performance; finished jobs are deleted; timed in the process, first start to last start"
)
_PG_BOSS = (
    "10.4.2 (11 and 12 need Node 22), fetch of 1,000 and complete of them, two loops in one process, no supervision; "
    "completed jobs are kept; timed in the process, first fetch to last complete"
)
PYTHON_PEERS = ("pgqueuer", "procrastinate")
NODE_PEERS = ("graphile-worker", "pg-boss")


@dataclass(frozen=True, slots=True)
class _Program:
    """A program that is asked for `measures` and gets the items divided by `divisor`."""

    command: Sequence[str | Path]
    measures: str
    environment: Mapping[str, str]
    divisor: int = 1

    def measure(self, url: str, load: Load) -> Measurements:
        """Return what the program prints."""
        command = [*self.command, "--items", str(load.items // self.divisor)]
        command += ["--single-seconds", str(load.single_seconds), "--latency-seconds", str(load.latency_seconds)]
        environment = {**os.environ, **self.environment, "BENCH_DATABASE_URL": url}
        # Making the tables is a process of its own: afterwards every cache is as cold as ours.
        output_of([*command, "install"], environment)
        found: Measurements = {}
        for line in output_of([*command, self.measures], environment).splitlines():
            said = json.loads(line)
            for key, value in said["values"].items():
                found[said["measure"] if key == "rate" else f"{said['measure']}_{key}"] = value
        return found


def python_peers(python: Path) -> list[Contender]:
    """Return the peers that `python` can run."""
    pgqueuer = _Program(
        (python, "-m", "bench.peers.pgqueuer"), "bulk,drain,empty,single,empty,latency_20,latency_1000", {}
    )
    procrastinate = _Program((python, "-m", "bench.peers.procrastinate"), "bulk,drain,empty,single", {}, divisor=10)
    return [
        Contender("pgqueuer", _PGQUEUER, pgqueuer.measure),
        Contender("procrastinate", _PROCRASTINATE, procrastinate.measure),
    ]


def node_peers(node: Path, packages: Path) -> list[Contender]:
    """Return the peers that `node` can run with the packages in `packages`."""
    measures = "bulk,drain,empty,single"
    environment = {"NODE_PATH": str(packages), "NODE_ENV": "production"}
    graphile_worker = _Program((node, NODE_PROGRAMS / "graphile_worker.js"), measures, environment)
    pg_boss = _Program((node, NODE_PROGRAMS / "pg_boss.js"), measures, environment)
    return [
        Contender("graphile-worker", _GRAPHILE_WORKER, graphile_worker.measure),
        Contender("pg-boss", _PG_BOSS, pg_boss.measure),
    ]
