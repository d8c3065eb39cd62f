"""`python -m bench.studio`: how long studio takes to open a table of 1,000,000 rows, and pages of it.

A figure is a whole request over HTTP, from the browser's side, connection to the database included. Wanted is a median
of 300 ms for the first page. The exit code is 1 only when nothing could be measured.
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psycopg
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from bench.report import machine, table
from bench.server import BenchmarkImpossibleError, Server, running_server
from fairlead.db.migrate import LOCATION
from fairlead.studio.serving import StudioOptions, opened_studio, served
from fairlead.toolkit.target import Target

_ROWS, _ROUNDS, _WANTED = 1_000_000, 15, 300
_RESULTS = Path("bench/results/studio.md")
_METADATA = MetaData()
Table(
    "events",
    _METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("customer", Integer),
    Column("kind", Text),
    Column("payload", JSONB),
    Column("note", Text),
    Column("done", Boolean),
    Column("at", DateTime(timezone=True)),
)
_MADE = f"""
create table events
    (id bigint primary key, customer int, kind text, payload jsonb, note text, done boolean, at timestamptz);
insert into events select i, i % 5000, 'kind ' || i % 7, jsonb_build_object('n', i, 'text', repeat('x', 300)),
    'note number ' || i, i % 3 = 0, now() - i * interval '1 second' from generate_series(1, {_ROWS}) i;
create index on events (customer);
create index on events (at)
"""


def main() -> int:
    """Measure, print, and keep the results."""
    try:
        with running_server() as server:
            text = _measured(server)
    except BenchmarkImpossibleError as error:
        print(error, file=sys.stderr)
        return 1
    print(text)
    _RESULTS.write_text(text, encoding="utf-8")
    return 0


def _measured(server: Server) -> str:
    with server.fresh_database("studio") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_MADE.encode())
            connection.execute("vacuum analyze events")
        load = os.getloadavg()[0]
        taken = asyncio.run(_requests(url))
    rows = [
        [name, f"{statistics.median(times):.0f}", f"{min(times):.0f}", f"{max(times):.0f}", f"{size / 1024:.0f}"]
        for name, (times, size) in taken.items()
    ]
    first = statistics.median(taken["the first page"][0])
    verdict = f"Wanted of the first page is a median of {_WANTED} ms: {'reached' if first <= _WANTED else 'missed'}."
    head = (
        f"{_ROWS:,} rows; {_ROUNDS} rounds with the pages in turn, after one that does not count; whole requests, "
        "each statement stopped after 5 s. "
        f"{machine()}, load average before {load:.1f}. {verdict}"
    )
    lines = table([["page", "median ms", "least", "most", "kB"], *rows])
    return "\n".join(["# Studio benchmark", "", head, "", *lines, ""])


async def _requests(url: str) -> dict[str, tuple[list[float], int]]:
    target = Target("bench", _METADATA, LOCATION, "alembic_version")
    with tempfile.TemporaryDirectory() as directory:
        options = StudioOptions(Path(directory) / "trail")
        async with (
            opened_studio(target, url, options) as studio,
            served(studio, port=0) as address,
            httpx.AsyncClient(timeout=60) as client,
        ):
            await client.get(address)
            return await _pages(client, address.partition("/open")[0])


async def _pages(client: httpx.AsyncClient, origin: str) -> dict[str, tuple[list[float], int]]:
    page = (await client.get(f"{origin}/t/events?f=id:gt:{_ROWS // 2}")).text
    deep = re.search(r'id="page-after" href="([^"]+)"', page)
    pages = {
        "the first page": "/t/events",
        "a page far down": (deep[1] if deep else "").replace("&amp;", "&").replace(f"f=id%3Agt%3A{_ROWS // 2}&", ""),
        "sorted by an indexed column": "/t/events?sort=at&dir=desc",
        "filtered by an indexed column": "/t/events?f=customer:eq:77",
        "searched": "/t/events?q=number+999999",
        "sorted by another column": "/t/events?sort=note",
        "one row": f"/t/events/row?k={_ROWS // 3}",
        "structure": "/t/events/structure",
        "overview": "/",
    }
    taken: dict[str, tuple[list[float], int]] = {}
    for number in range(_ROUNDS + 1):
        for name, path in pages.items():
            began = time.perf_counter()
            answer = await client.get(f"{origin}{path}")
            milliseconds = (time.perf_counter() - began) * 1000
            times, _ = taken.setdefault(name, ([], 0))
            taken[name] = ([*times, milliseconds] if number else times, len(answer.content))
            if answer.status_code not in {httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE}:  # the latter: stopped
                raise BenchmarkImpossibleError(f"{name}: {answer.status_code}")
    return taken


if __name__ == "__main__":
    sys.exit(main())
