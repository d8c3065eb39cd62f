"""`python -m bench.over_http`: the figures of the HTTP API, and what HTTP costs beside the same services without it.

One server process, `fairlead serve`, on the database's machine. Each round measures every figure over HTTP and then the
same statements by a process of the services alone, so that a slow moment of the machine slows both sides of a ratio.
The exit code is 1 only when nothing could be measured.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import orjson

from bench.http_load import Connection, at_rate, busy, request
from bench.report import machine, table
from bench.server import BenchmarkImpossibleError, running_server
from fairlead.db.connect import DatabaseOptions
from fairlead.db.migrate import migrate
from fairlead.db.session import Database
from fairlead.db.tenancy import TenantScope, system, tenant
from fairlead.domain.permissions import KEY_SCOPES
from fairlead.services.api_keys import create_api_key
from fairlead.services.enqueuer import Enqueuer
from fairlead.services.item_rules import ItemInput
from fairlead.services.item_streams import enqueue_stream
from fairlead.services.items import enqueue_items
from fairlead.services.lease_batches import Completed, complete_items
from fairlead.services.leases import claim_items
from fairlead.services.organizations import found_organization
from fairlead.services.queues import update_queue

_ROUNDS, _SECONDS, _CONNECTIONS = 3, 5.0, 32
_RESULTS = Path("bench/results/http.md")
_SECRET = "a secret for benchmarks, at least this long"  # noqa: S105 - of a database that is thrown away
_PAYLOAD = {"to": "you@example.com", "template": "welcome", "n": 1}
_MANY, _LINES = 100, 20_000
# What http.md wants: requests or items a second, and the time that 99 of 100 requests stay under.
_WANTED = {"single": 1200.0, "batches of 100": 20_000.0, "NDJSON": 40_000.0, "claim 100 and complete 100": 10_000.0}
_RATE, _LATENCY = 500, 25.0
_LIMIT = "100000000"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where it is measured: a server's address, a queue behind a key, and the same database without HTTP."""

    address: str
    key: str
    queue_id: str
    scope: TenantScope
    database: Database


def main() -> int:
    """Measure, print, and keep the results."""
    try:
        with running_server() as server, server.fresh_database("http") as url:
            migrate(url)
            load = os.getloadavg()[0]
            found = asyncio.run(_measured(url))
    except BenchmarkImpossibleError as error:
        print(error, file=sys.stderr)
        return 1
    text = _page(found, load)
    print(text)
    _RESULTS.write_text(text, encoding="utf-8")
    return 0


async def _measured(url: str) -> list[dict[str, float]]:
    with _serving(url) as address:
        async with _ground(url, address) as ground:
            return [await _round(ground) for _ in range(_ROUNDS)]


async def _round(ground: Ground) -> dict[str, float]:
    items = f"/api/queues/{ground.queue_id}/items"
    one = request("POST", items, key=ground.key, body={"payload": _PAYLOAD})
    many = request("POST", f"{items}/batch", key=ground.key, body={"items": [{"payload": _PAYLOAD}] * _MANY})
    found = {"single": (await busy(ground.address, one, connections=_CONNECTIONS, seconds=_SECONDS)).per_second}
    found["single without"] = await _repeated(_enqueue_one(ground), at_once=_CONNECTIONS)
    evenly = await at_rate(ground.address, one, per_second=_RATE, seconds=_SECONDS, connections=2 * _CONNECTIONS)
    found["p99"] = evenly.percentile(0.99)
    batches = await busy(ground.address, many, connections=4, seconds=_SECONDS)
    found["batches of 100"] = batches.per_second * _MANY
    found["batches of 100 without"] = _MANY * await _repeated(_enqueue_many(ground), at_once=4)
    lines = orjson.dumps({"payload": _PAYLOAD}, option=orjson.OPT_APPEND_NEWLINE) * _LINES
    stream = request("POST", f"{items}/batch", key=ground.key, body=lines, media_type="application/x-ndjson")
    streams = await busy(ground.address, stream, connections=1, seconds=_SECONDS)
    found["NDJSON"] = streams.per_second * _LINES
    found["NDJSON without"] = _LINES * await _repeated(_enqueue_stream(ground), at_once=1)
    found["claim 100 and complete 100"] = _MANY * await _repeated(_work_over_http(ground), at_once=4)
    found["claim 100 and complete 100 without"] = _MANY * await _repeated(_work(ground), at_once=4)
    return found


async def _repeated(work: Callable[[], Awaitable[None]], *, at_once: int) -> float:
    """Do something again and again, so many at once; return how often a second."""
    begun, done = time.perf_counter(), 0

    async def worker() -> None:
        nonlocal done
        while time.perf_counter() - begun < _SECONDS:
            await work()
            done += 1

    async with asyncio.TaskGroup() as workers:
        for _ in range(at_once):
            workers.create_task(worker())
    return done / (time.perf_counter() - begun)


def _enqueue_one(ground: Ground) -> Callable[[], Awaitable[None]]:
    enqueuer = Enqueuer(ground.database, on_enqueued=lambda _queue_id: None)

    async def work() -> None:
        await enqueuer.enqueue(ground.scope, queue_id=ground.queue_id, item=ItemInput(payload=_PAYLOAD))

    return work


def _enqueue_many(ground: Ground) -> Callable[[], Awaitable[None]]:
    items = [ItemInput(payload=_PAYLOAD)] * _MANY

    async def work() -> None:
        async with ground.database.unit_of_work(ground.scope) as session:
            await enqueue_items(session, ground.scope, queue_id=ground.queue_id, items=items)

    return work


def _enqueue_stream(ground: Ground) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        async with ground.database.unit_of_work(ground.scope) as session:
            items = (ItemInput(payload=_PAYLOAD) for _ in range(_LINES))
            await enqueue_stream(session, ground.scope, queue_id=ground.queue_id, items=items)

    return work


def _work(ground: Ground) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        async with ground.database.unit_of_work(ground.scope) as session:
            held = await claim_items(
                session, ground.scope, queue_id=ground.queue_id, limit=_MANY, worker_id="bench", lease_seconds=60
            )
        async with ground.database.unit_of_work(ground.scope) as session:
            await complete_items(session, ground.scope, items=[Completed(one.item.id, one.lease) for one in held])

    return work


def _work_over_http(ground: Ground) -> Callable[[], Awaitable[None]]:
    claim = request(
        "POST", f"/api/queues/{ground.queue_id}/claim", key=ground.key, body={"limit": _MANY, "leaseSeconds": 60}
    )
    free: list[Connection] = []

    async def work() -> None:
        connection = free.pop() if free else await Connection.open(ground.address)
        held = orjson.loads(await connection.ask(claim))["data"]
        done = {"items": [{"id": item["id"], "lease": item["lease"]} for item in held]}
        await connection.ask(request("POST", "/api/items/complete", key=ground.key, body=done))
        free.append(connection)

    return work


@asynccontextmanager
async def _ground(url: str, address: str) -> AsyncIterator[Ground]:
    database, everything = Database(DatabaseOptions(url=url, application_name="bench")), system("the benchmark")
    try:
        async with database.unit_of_work(everything) as session:
            founded = await found_organization(
                session, everything, name="Bench", slug="bench", owner_email="bench@example.org", owner_name="Bench"
            )
        scope = tenant(founded.organization.id)
        async with database.unit_of_work(scope) as session:
            await update_queue(session, scope, queue_id=founded.queue.id, max_concurrency=None)
            _, key = await create_api_key(
                session, scope, name="bench", user_id=founded.owner.id, scopes=KEY_SCOPES, pepper=_SECRET.encode()
            )
        yield Ground(address, key, founded.queue.id, scope, database)
    finally:
        await database.close()


@contextmanager
def _serving(url: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
        environment |= {"FAIRLEAD_DATABASE_URL": url, "FAIRLEAD_SECRET": _SECRET, "FAIRLEAD_DATA_DIR": directory}
        # Counted as always, and never reached: the default of the key's would let no more than 2,000 in a second.
        environment |= {f"FAIRLEAD_RATE_LIMIT_PER_{whose}": _LIMIT for whose in ("KEY", "ORGANIZATION", "ADDRESS")}
        command = [sys.executable, "-m", "fairlead", "serve", "--port", "0"]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            lines = iter(process.stderr or ())
            found = next(filter(None, (re.search(r"http://[\d.:]+", line) for line in lines)), None)
            if found is None:
                raise BenchmarkImpossibleError("The server did not start.")
            yield found[0]
        finally:
            process.terminate()
            process.wait()


def _page(found: list[dict[str, float]], load: float) -> str:
    rows = [["figure", "over HTTP", "without", "ratio", "wanted", ""]]
    for name, wanted in _WANTED.items():
        over, without = (median(one[key] for one in found) for key in (name, f"{name} without"))
        ratio = median(one[name] / one[f"{name} without"] for one in found)
        reached = "reached" if over >= wanted else "missed"
        rows.append([f"{name}, a second", f"{over:,.0f}", f"{without:,.0f}", f"{ratio:.2f}", f"{wanted:,.0f}", reached])
    slow = median(one["p99"] for one in found)
    reached = "reached" if slow <= _LATENCY else "missed"
    rows.append(
        [f"p99 of a single enqueue at {_RATE}/s, ms", f"{slow:.1f}", "", "", f"at most {_LATENCY:.0f}", reached]
    )
    about = (
        f"One server process, {_CONNECTIONS} connections for single items and 4 for many, {_SECONDS:.0f} s a figure, "
        f"medians of {_ROUNDS} rounds; load, server and PostgreSQL share the machine. {machine()}, "
        f"load average before {load:.1f}."
    )
    return "\n".join(["# HTTP benchmark", "", about, "", *table(rows), ""])


if __name__ == "__main__":
    sys.exit(main())
