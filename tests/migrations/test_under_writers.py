from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from tests.fixtures.revisions import Shop, rows, shop
from tests.fixtures.waiting import until_in_thread

from fairlead.db.migrating import run
from fairlead.db.migrating.events import Event, Retrying
from fairlead.db.migrating.session import Patience

__all__ = ["shop"]
LOCK_TIMEOUT = 0.4
SLOW_MACHINE = 1.5  # seconds that a write may take here for no reason of ours
EXPANDING = (
    "alter table orders add column paid boolean",
    "> outside('create index concurrently orders_note_idx on orders (note)')",
    "alter table orders add constraint orders_check check (id > 0) not valid",
    "> outside('alter table orders validate constraint orders_check')",
    "> outside('update orders set paid = false where paid is null')",
    "alter table orders alter column paid set default false",
)


@dataclass
class Writers:
    """Connections that write all the time, with how long each write took and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def _writing(url: str, connections: int) -> Iterator[Writers]:
    writers, over = Writers(), threading.Event()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.is_set():
                started = time.monotonic()
                try:
                    connection.execute("insert into orders (note) values (md5(random()::text))")
                    connection.execute("update orders set note = note || '.' where id = (select max(id) from orders)")
                except psycopg.Error as error:
                    writers.errors.append(str(error))
                writers.seconds.append(time.monotonic() - started)

    threads = [threading.Thread(target=write) for _ in range(connections)]
    for thread in threads:
        thread.start()
    until_in_thread(lambda: len(writers.seconds) > connections, what="the writers are at work")
    try:
        yield writers
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("in_the_way", [False, True])
def test_nobody_waits_for_a_migration(empty_url: str, shop: Shop, *, in_the_way: bool) -> None:
    """While others write all the time a revision is applied, no write fails, and none waits longer than the lock limit.

    Also when a forgotten transaction keeps the revision from its lock: it gives way, again and again, until that ends.
    """
    shop.revision("one", "create table orders (id bigint generated always as identity primary key, note text)")
    run.upgrade(empty_url, shop.migrations)
    shop.revision("two", *EXPANDING)
    with psycopg.connect(empty_url) as forgotten, _writing(empty_url, 3) as writers:
        if in_the_way:
            forgotten.execute("select count(*) from orders")
        tries: list[int] = []

        def tell(event: Event) -> None:
            if isinstance(event, Retrying):
                tries.append(event.attempt)
                if event.attempt == 3:
                    forgotten.rollback()

        patience = Patience(lock_timeout_seconds=LOCK_TIMEOUT, attempts=20)
        assert run.upgrade(empty_url, shop.migrations, patience=patience, tell=tell) == ["two"]
        written = len(writers.seconds)
        until_in_thread(lambda: len(writers.seconds) > written + 10, what="they write on")
    assert writers.errors == []
    assert max(writers.seconds) < LOCK_TIMEOUT + SLOW_MACHINE
    assert len(tries) >= 3 or not in_the_way
    assert rows(
        empty_url, "select count(*) filter (where indisvalid) from pg_index where indrelid = 'orders'::regclass"
    ) == [(2,)]
