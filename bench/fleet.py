"""Worker processes, started as anybody starts them (`fairlead worker`), and what they get done.

How far they are is asked of the server's own statistics, which cost nothing and lag by a second; rates are worked out
afterwards from when the items finished.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg

from bench.answers import value
from bench.population import as_fleet
from bench.scenario import ScenarioFailedError
from bench.server import CACHE

CONCURRENCY = 100
_LOG = CACHE / "worker.log"  # of the one that was started last
_LAST_WORDS = 800
_STOP_SECONDS = 60
_POLL_SECONDS = 0.2
_LONGEST_SECONDS = 900
LEAST_DRAINED = 40_000  # items, at whatever scale: over fewer a rate is chance
SPARE = 60_000  # more than is done while the statistics lag: a measured worker never runs dry
_WARM_UP = 0.1  # of the items, not counted
_MOVED = "select n_tup_del from pg_stat_user_tables where relname = 'queue_items_live'"
_RATE = """
with done as materialized (
    select finished_at from queue_items where finished_at > %(since)s and finished_at < 'infinity'
),
warm as (select percentile_disc(%(warm_up)s) within group (order by finished_at) as at from done)
select (select count(*) from done where finished_at > w.at)::float
    / nullif(extract(epoch from (select max(finished_at) from done) - w.at), 0)::float
from warm w
"""


@contextmanager
def worker(
    url: str, *, concurrency: int = CONCURRENCY, queues: Sequence[str] = (), observed: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one worker process and drain it at the end; with `observed` it writes there how long its claims took."""
    program = ["fairlead"] if observed is None else ["bench.observed_worker", str(observed)]
    command = [sys.executable, "-m", *program, "worker", "bench.handlers:app", "--concurrency", str(concurrency)]
    command += ["--until-input-ends", *(("--queues", ",".join(queues)) if queues else ())]
    environment, pipe = environment_of(url), subprocess.PIPE
    with log_file() as log:
        process = subprocess.Popen(command, env=environment, stdin=pipe, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        _stop(process)


def environment_of(url: str) -> dict[str, str]:
    """Return what a worker on that database finds around it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    environment |= {"FAIRLEAD_DATABASE_URL": url, "FAIRLEAD_SECRET": secrets.token_urlsafe(32)}
    return environment | {"FAIRLEAD_LOG_LEVEL": "error"}


def log_file() -> IO[str]:
    """Open what a worker that is about to start writes its errors to."""
    return _LOG.open("w")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    if process.stdin is not None:
        process.stdin.close()


def wait_until(done: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    """Look until it is so; raises ScenarioFailedError when the worker has stopped, or it takes too long."""
    end = time.monotonic() + _LONGEST_SECONDS
    while not done():
        if process is not None and process.poll() is not None:
            raise ScenarioFailedError(f"the worker stopped: {_LOG.read_text().strip()[-_LAST_WORDS:]}")
        if time.monotonic() > end:
            raise ScenarioFailedError(f"not done after {_LONGEST_SECONDS} s")
        time.sleep(_POLL_SECONDS)


def moved(connection: psycopg.Connection) -> int:
    """Return about how many items have been finished in this database."""
    return int(value(connection, _MOVED))


def drain_rate(url: str, items: int) -> float:
    """Return items a second of one worker over its next `items`, without the first tenth of them."""
    with as_fleet(url) as connection:
        before, since = moved(connection), value(connection, "select statement_timestamp()")
        with worker(url) as process:
            wait_until(lambda: moved(connection) - before >= items, process)
        return finished_rate(connection, since)


def finished_rate(connection: psycopg.Connection, since: object) -> float:
    """Return items a second of what was finished since then, without the first tenth."""
    rate = value(connection, _RATE, {"since": since, "warm_up": _WARM_UP})
    if rate is None:
        raise ScenarioFailedError("nothing was finished")
    return float(rate)
