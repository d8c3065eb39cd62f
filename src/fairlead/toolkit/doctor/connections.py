"""The way to the database: a pooler on it, room for connections, and the two clocks.

A pooler in transaction mode is known by this: two clients that are both connected are given one process of the server
in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.pq import ExecStatus

from fairlead.db.connect import driver_url
from fairlead.toolkit.doctor.finding import CannotLook, Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.doctor.phrases import how_many

NO_DIRECT_URL: Final = Condition(
    "pooled-without-direct-url",
    Severity.ERROR,
    "FAIRLEAD_DATABASE_URL goes through a pooler in transaction mode: wake-ups get lost, and two migrations at once "
    "are not kept apart.",
    "Set FAIRLEAD_DATABASE_DIRECT_URL to the same database past the pooler.",
)
DIRECT_URL_POOLED: Final = Condition(
    "direct-url-pooled",
    Severity.ERROR,
    "FAIRLEAD_DATABASE_DIRECT_URL goes through a pooler in transaction mode, which it is there to avoid.",
    "Set FAIRLEAD_DATABASE_DIRECT_URL to the server's own address, or to a pooler's database in session mode.",
)
PREPARED_LOST: Final = Condition(
    "prepared-statements-lost",
    Severity.ERROR,
    "The pooler does not keep prepared statements, and Fairlead prepares them: statements fail now and then.",
    "Set FAIRLEAD_DATABASE_PREPARE=false, or max_prepared_statements = 200 in PgBouncer 1.21 or newer.",
)
CONNECTIONS_SHORT: Final = Condition(
    "connections-short",
    Severity.WARNING,
    "The server has few connections left; one more process of Fairlead may find none.",
    "Lower FAIRLEAD_DATABASE_POOL_SIZE, put a pooler in front, or raise max_connections (needs a restart).",
    at_worst=Severity.ERROR,
)
POOL_TOO_LARGE: Final = Condition(
    "pool-too-large",
    Severity.ERROR,
    "The pool of one process alone is larger than the number of connections that the login may have.",
    "Lower FAIRLEAD_DATABASE_POOL_SIZE, or raise the limit.",
)
CLOCK_DIFFERS: Final = Condition(
    "clock-differs",
    Severity.WARNING,
    "This machine's clock and the database's differ. Leases and schedules go by the database's clock alone, but logs "
    "and whoever compares times see another one.",
    "Let both machines keep their time by NTP (chrony, systemd-timesyncd).",
)

_Client: TypeAlias = psycopg.Connection[tuple[Any, ...]]
_ROUNDS: Final = 5
_STATEMENT: Final = b"fairlead_doctor"
_WAKING: Final = 2  # connections of a process beside its pool: for wake-ups, and for a command


def _look_at_pooler(patient: Patient) -> Iterator[Finding]:
    wiring = patient.wiring
    if _shares_processes(wiring.url):
        if wiring.direct_url is None:
            yield NO_DIRECT_URL.found("FAIRLEAD_DATABASE_URL goes through a pooler in transaction mode.")
        if wiring.prepares and _loses_statements(wiring.url):
            yield PREPARED_LOST.found("A statement that was prepared through the pooler was not there when it was run.")
    if wiring.direct_url is not None and _shares_processes(wiring.direct_url):
        yield DIRECT_URL_POOLED.found("FAIRLEAD_DATABASE_DIRECT_URL goes through a pooler in transaction mode.")


def _shares_processes(url: str) -> bool:
    """Tell whether two clients that are both connected are given one process of the server in turn."""
    with _two_clients(url) as (first, second):
        seen = [(_process(first), _process(second)) for _ in range(_ROUNDS)]
    firsts, seconds = ({pair[number] for pair in seen} for number in (0, 1))
    return len(firsts) > 1 or len(seconds) > 1 or bool(firsts & seconds)


def _loses_statements(url: str) -> bool:
    """Prepare a statement, keep its process busy for another client, and tell whether it can still be run."""
    with _two_clients(url) as (first, second):
        _prepare(first)
        with second.transaction():
            _process(second)
            result = first.pgconn.exec_prepared(_STATEMENT, [])
    return result.status != ExecStatus.TUPLES_OK


def _prepare(client: _Client) -> None:
    """Under a name of our own, so that it meets no client's statement on a process it stays on."""
    result = client.pgconn.prepare(_STATEMENT, b"select 1")
    if result.status != ExecStatus.COMMAND_OK and b"already exists" not in (result.error_message or b""):
        raise CannotLook(f"A statement could not be prepared: {(result.error_message or b'').decode().strip()}")


def _process(client: _Client) -> int:
    """Return the number of the process that the next transaction of this client runs on."""
    row = client.execute("select pg_backend_pid()", prepare=False).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _two_clients(url: str) -> Iterator[tuple[_Client, _Client]]:
    address = driver_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(psycopg.connect(address, autocommit=True, connect_timeout=5)) for _ in range(2)
        )
        yield first, second


def _look_at_connections(patient: Patient) -> Iterator[Finding]:
    room = patient.rows("""
        select cast(current_setting('max_connections') as int) as most,
            cast(current_setting('max_connections') as int)
                - cast(current_setting('superuser_reserved_connections') as int)
                - coalesce(cast(current_setting('reserved_connections', true) as int), 0) as open_to_all,
            (select sum(numbackends) from pg_stat_database) as used,
            (select rolconnlimit from pg_roles where rolname = session_user) as of_login,
            (select datconnlimit from pg_database where datname = current_database()) as of_database
    """)[0]
    wanted = patient.wiring.pool_size + _WAKING
    limits = {"the server": room.open_to_all, "the login": room.of_login, "the database": room.of_database}
    whose, most = min(((name, limit) for name, limit in limits.items() if limit >= 0), key=lambda pair: pair[1])
    if wanted > most:
        yield POOL_TOO_LARGE.found(
            f"A process opens up to {wanted} connections; {whose} gives {most}.", pool=wanted, limit=most
        )
    if room.used > room.open_to_all * patient.limits.connection_share:
        left = max(0, room.open_to_all - room.used)
        yield CONNECTIONS_SHORT.found(
            f"{room.used} of {how_many(room.open_to_all, 'connection')} are open; a process of Fairlead opens up to "
            f"{wanted}.",
            worst=left < wanted,
            used=int(room.used),
            limit=room.open_to_all,
        )


def _look_at_clock(patient: Patient) -> Iterator[Finding]:
    before = patient.clock()
    theirs = float(patient.value("select extract(epoch from clock_timestamp())"))
    after = patient.clock()
    ahead = (before + after) / 2 - theirs
    if abs(ahead) > patient.limits.clock_seconds + (after - before) / 2:
        yield CLOCK_DIFFERS.found(
            f"This machine's clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the database's.",
            seconds=ahead,
        )


CHECKS: Final = (
    Check(_look_at_pooler, (NO_DIRECT_URL, DIRECT_URL_POOLED, PREPARED_LOST)),
    Check(_look_at_connections, (CONNECTIONS_SHORT, POOL_TOO_LARGE)),
    Check(_look_at_clock, (CLOCK_DIFFERS,)),
)
