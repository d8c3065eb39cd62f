"""The peers, each a program in bench/peers run in their own environment."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from bench.contender import Contender, Load, Measurements, output_of

_PGQUEUER = (
    "1.6.0, asyncpg, uvloop, durable, its autovacuum settings; drain mode, one manager, batch 500, no concurrency "
    "limit, timed by its own log; latency with its default batch of 10"
)
_PROCRASTINATE = (
    "3.10.0, psycopg pool of 12, uvloop, concurrency 10, successful jobs deleted, no logging, no notifications for "
    "the drain; a tenth of the items, because it is slow"
)


@dataclass(frozen=True, slots=True)
class _Program:
    """`bench.peers.<name>`, run by `python`; it is asked for `measures` and gets the items divided by `divisor`."""

    python: Path
    name: str
    measures: str
    divisor: int = 1

    def measure(self, url: str, load: Load) -> Measurements:
        """Return what the program prints."""
        command = [self.python, "-m", f"bench.peers.{self.name}", "--items", str(load.items // self.divisor)]
        command += ["--single-seconds", str(load.single_seconds), "--latency-seconds", str(load.latency_seconds)]
        environment = {**os.environ, "BENCH_DATABASE_URL": url}
        # Making the tables is a process of its own: afterwards every cache is as cold as ours.
        output_of([*command, "install"], environment)
        found: Measurements = {}
        for line in output_of([*command, self.measures], environment).splitlines():
            said = json.loads(line)
            for key, value in said["values"].items():
                found[said["measure"] if key == "rate" else f"{said['measure']}_{key}"] = value
        return found


def peers(python: Path) -> list[Contender]:
    """Return the peers that `python` can run."""
    pgqueuer = _Program(python, "pgqueuer", "bulk,drain,empty,single,empty,latency_20,latency_1000")
    procrastinate = _Program(python, "procrastinate", "bulk,drain,empty,single", divisor=10)
    return [
        Contender("pgqueuer", _PGQUEUER, pgqueuer.measure),
        Contender("procrastinate", _PROCRASTINATE, procrastinate.measure),
    ]
