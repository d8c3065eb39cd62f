"""Ours: the real command `fairlead bench`, whose worker is the real `fairlead worker` process."""

from __future__ import annotations

import json
import os
import secrets
import sys

from bench.contender import Contender, Load, Measurements, output_of
from fairlead.db.migrate import migrate

_CONCURRENCY = 100
_FIGURES = {
    "bulk": "enqueueBulkPerSecond",
    "single": "enqueueSinglePerSecond",
    "transactional": "enqueueTransactionalPerSecond",
    "coalesced": "enqueueCoalescedPerSecond",
    "drain": "drainPerSecond",
    "latency_20_p50": "latency20PerSecondP50",
    "latency_20_p99": "latency20PerSecondP99",
    "latency_1000_p50": "latency1000PerSecondP50",
    "latency_1000_p99": "latency1000PerSecondP99",
}


def _measure(url: str, load: Load) -> Measurements:
    migrate(url)
    # Whatever else the caller has set is left out, so that two runs are the same.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    environment |= {"FAIRLEAD_DATABASE_URL": url, "FAIRLEAD_SECRET": secrets.token_urlsafe(32)}
    command = [sys.executable, "-m", "fairlead", "bench", "--json"]
    command += ["--items", str(load.items), "--concurrency", str(_CONCURRENCY)]
    command += ["--latency-seconds", str(load.latency_seconds)]
    figures = json.loads(output_of(command, environment))
    return {measure: figures[name] for measure, name in _FIGURES.items() if name in figures}


FAIRLEAD = Contender(
    name="fairlead",
    how=f"`fairlead bench` with `fairlead worker --concurrency {_CONCURRENCY}` as a process of its own; leases, row "
    "security and kept items as always; the drain is timed by the database, first start to last finish",
    measure=_measure,
)
