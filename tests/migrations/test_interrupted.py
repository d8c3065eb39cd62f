from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from tests.fixtures.databases import database_of
from tests.fixtures.processes import Process, Processes, processes
from tests.fixtures.revisions import Shop, do, rows, shop
from tests.fixtures.waiting import until

from fairlead.db.migrating import run

__all__ = ["processes", "shop"]
INDEX = "create index concurrently orders_note_idx on orders (note)"
SHOWN = "select indexrelid::regclass::text, indisvalid from pg_index where indrelid = 'orders'::regclass"
AT_WORK = """
select count(*) from pg_stat_activity
where application_name = 'fairlead db migrate' and datname = current_database() and query ~ '{}'
"""
ENDS = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name = 'fairlead db migrate' and datname = '{}'
"""
LOCKS = """
select count(*) from pg_locks where locktype = 'advisory'
    and database = (select oid from pg_database where datname = current_database())
"""


@pytest.fixture
def migrating(processes: Processes, shop: Shop, empty_url: str) -> Callable[..., Process]:
    """Start `fairlead db migrate` in the shop, whose table of orders is there and whose next revision may be long."""
    shop.revision("one", "create table orders (id int generated always as identity, note text)", "create table gate ()")
    run.upgrade(empty_url, shop.migrations)
    directory = shop.application()
    return lambda *options: processes.start("db", "migrate", *options, url=empty_url, directory=directory)


@contextmanager
def _closed(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Keep whoever writes into `gate` waiting."""
    with psycopg.connect(url) as connection:
        connection.execute("lock table gate")
        yield connection


async def _at_work(url: str, statement: str) -> None:
    """Return as soon as a run has sent the statement."""

    async def sent() -> bool:
        return rows(url, AT_WORK.format(statement)) == [(1,)]

    await until(sent, what=f"{statement!r} is sent", seconds=40)


@pytest.mark.anyio
async def test_killed_in_a_transaction(migrating: Callable[..., Process], shop: Shop, empty_url: str) -> None:
    """A run that is killed in the middle of a revision leaves nothing of it; the next one applies it whole."""
    shop.revision("two", "insert into orders (note) values ('two')", "insert into gate default values")
    with _closed(empty_url):
        first = migrating("--lock-timeout", "0")
        await _at_work(empty_url, "insert into gate")
        await first.kill()
    second = migrating()
    assert await second.ended(seconds=60) == 0, second.said()
    assert rows(empty_url, "select note from orders") == [("two",)]


@pytest.mark.anyio
async def test_killed_while_an_index_is_built(migrating: Callable[..., Process], shop: Shop, empty_url: str) -> None:
    """Killed while an index is built concurrently: the next run drops what is left of it, and goes on from there."""
    shop.revision("two", "alter table orders add column paid boolean", f"> outside({INDEX!r})", "select 1")
    with psycopg.connect(empty_url) as old:
        old.execute("set transaction isolation level repeatable read")
        old.execute("select 1")  # a snapshot that the index has to outlive

        async def half_built() -> bool:
            return rows(empty_url, SHOWN) == [("orders_note_idx", False)]

        first = migrating()
        await until(half_built, what="the index is there and not valid", seconds=40)
        await first.kill()
    second = migrating()
    assert await second.ended(seconds=60) == 0, second.said()
    assert "Going on with two behind statement 1" in second.said()
    assert rows(empty_url, SHOWN) == [("orders_note_idx", True)]
    assert rows(empty_url, "select version_num from shop_migrations") == [("two",)]


@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted(
    migrating: Callable[..., Process], shop: Shop, empty_url: str, number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM end a run with 130, at once and without a trace, in the database as on the screen."""
    shop.revision("two", "insert into orders (note) values ('two')", "insert into gate default values")
    with _closed(empty_url):
        process = migrating("--lock-timeout", "0")
        await _at_work(empty_url, "insert into gate")
        process.send(number)
        assert await process.ended() == 130
    assert "Interrupted." in process.said()
    assert "Traceback" not in process.said()
    assert (rows(empty_url, LOCKS), rows(empty_url, "select note from orders")) == ([(0,)], [])


@pytest.mark.anyio
async def test_a_database_that_goes_away(
    migrating: Callable[..., Process], shop: Shop, empty_url: str, server_url: str
) -> None:
    """When the server ends the sessions of a run, it ends with 1 and says what became of the revision."""
    shop.revision("two", "insert into gate default values")
    with _closed(empty_url):
        process = migrating("--lock-timeout", "0")
        await _at_work(empty_url, "insert into gate")
        do(server_url, ENDS.format(database_of(empty_url)))
        assert await process.ended() == 1
    assert "The database went away while two ran" in process.said()
    assert "Nothing of it was kept" in process.said()
    assert "Traceback" not in process.said()


@pytest.mark.anyio
async def test_two_at_once(migrating: Callable[..., Process], shop: Shop, empty_url: str) -> None:
    """Of two runs one works and the other waits, saying for whom; both end well, and everything is applied once."""
    shop.revision("two", "insert into orders (note) values ('two')", "insert into gate default values")
    with _closed(empty_url):
        first = migrating("--lock-timeout", "0")
        await _at_work(empty_url, "insert into gate")
        second = migrating()
        await second.until_said("Another run of migrations is at work", seconds=40)
        assert "insert into gate" in second.said()
    assert (await first.ended(seconds=60), await second.ended(seconds=60)) == (0, 0)
    assert "The schema is the newest already" in second.said()
    assert rows(empty_url, "select note from orders") == [("two",)]
