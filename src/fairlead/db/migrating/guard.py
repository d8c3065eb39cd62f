"""One run of migrations at a time, in a database and for a version table.

The lock is a session-level advisory one, on a connection of its own: one of a transaction would be lost where a
revision commits in its middle. The connection that migrates holds a second one, so that a run whose process was
killed is waited for as long as the server still works on its last statement.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, LiteralString

import psycopg

from fairlead.db.connect import DatabaseOptions, connect_arguments, driver_url
from fairlead.db.migrating.events import Session, Tell, Waiting
from fairlead.db.migrating.failures import unreachable
from fairlead.db.migrating.ledger import Driver
from fairlead.db.migrating.revisions import Migrations
from fairlead.errors import Busy

APPLICATION: Final = "fairlead db migrate"
_ASK_SECONDS: Final = 0.1
_HOLDERS = """
select a.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''), coalesce(a.state, ''),
    extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.state_change, a.backend_start)),
    coalesce(a.query, '')
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and l.classid = %(high)s::oid and l.objid = %(low)s::oid
order by a.pid
"""
_BLOCKERS = """
select a.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''), coalesce(a.state, ''),
    extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.state_change, a.backend_start)),
    coalesce(a.query, '')
from unnest(pg_blocking_pids(%(pid)s)) as blocking (pid)
join pg_stat_activity a on a.pid = blocking.pid
order by a.pid
"""


def aside(url: str) -> Driver:
    """Return a connection that only looks on or holds a lock; raises DatabaseUnavailable."""
    plain = driver_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    options = DatabaseOptions(url=url, application_name=APPLICATION, prepare_after=None)
    try:
        driver = psycopg.connect(plain, autocommit=True, **connect_arguments(options))
    except psycopg.OperationalError as error:
        raise unreachable(error) from error
    driver.execute("set idle_session_timeout = 0")
    return driver


@contextmanager
def alone(url: str, migrations: Migrations, *, wait_seconds: float | None, tell: Tell) -> Iterator[None]:
    """Hold the lock of a run; raises Busy when another one holds it for longer than `wait_seconds` (None: any time)."""
    with aside(url) as driver:
        _hold(driver, migrations.lock_key, migrations.work_key, wait_seconds=wait_seconds, tell=tell)
        yield


def at_work(driver: Driver, migrations: Migrations, *, wait_seconds: float | None, tell: Tell) -> None:
    """Take the second lock, which the connection that does the work holds as long as it lasts; raises as `alone`."""
    _hold(driver, migrations.work_key, migrations.work_key, wait_seconds=wait_seconds, tell=tell)


def _hold(driver: Driver, key: int, work: int, *, wait_seconds: float | None, tell: Tell) -> None:
    """Take the lock `key` for as long as the connection lasts, saying who is at work under `work` meanwhile.

    It is asked for again and again: a statement that waited would hold a snapshot, for which an index that the holder
    builds concurrently would wait in turn, and no deadlock would be seen in that.
    """
    patience_ends = math.inf if wait_seconds is None else time.monotonic() + wait_seconds
    told = False
    while driver.execute("select pg_try_advisory_lock(%s)", [key]).fetchone() != (True,):
        if not told:
            tell(Waiting(_holders(driver, work) or _holders(driver, key)))
            told = True
        if time.monotonic() >= patience_ends:
            raise Busy(f"Another run of migrations was still at work after {wait_seconds:.0f} s.")
        time.sleep(_ASK_SECONDS)


def blockers(driver: Driver, pid: int) -> tuple[Session, ...]:
    """Return who holds, or waits in front of it for, the lock that a backend waits for."""
    return _sessions(driver, _BLOCKERS, pid=pid)


def _holders(driver: Driver, key: int) -> tuple[Session, ...]:
    return _sessions(driver, _HOLDERS, high=key >> 32, low=key & 0xFFFFFFFF)


def _sessions(driver: Driver, query: LiteralString, **parameters: int) -> tuple[Session, ...]:
    rows = driver.execute(query, parameters).fetchall()
    return tuple(
        Session(pid, application, login, state, None if seconds is None else float(seconds), query)
        for pid, application, login, state, seconds, query in rows
    )
