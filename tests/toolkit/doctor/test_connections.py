from __future__ import annotations

import subprocess
import time

import pytest
from psycopg import sql
from tests.fixtures.databases import database_of
from tests.fixtures.doctor import do, examined, only, superuser_of
from tests.fixtures.pooler import PROGRAM, needs_pooler, pooler, through

from fairlead.db.embedded import EmbeddedServer
from fairlead.toolkit.doctor import connections
from fairlead.toolkit.doctor.finding import Severity
from fairlead.toolkit.doctor.patient import Limits, Wiring


@needs_pooler
def test_a_pooler_in_transaction_mode(server_url: str, fresh_url: str) -> None:
    """A pooler in transaction mode is an error without a way past it, or when that way leads through it as well."""
    with pooler(server_url) as port:
        pooled = through(fresh_url, port)
        wiring = {
            "pooled-without-direct-url": Wiring(pooled, prepares=False),
            "direct-url-pooled": Wiring(pooled, direct_url=pooled, prepares=False),
        }
        for code, wired in wiring.items():
            only(examined(fresh_url, connections, wiring=wired), code, severity=Severity.ERROR)
        right = Wiring(pooled, direct_url=fresh_url, prepares=False)
        assert examined(fresh_url, connections, wiring=right).findings == ()


@needs_pooler
def test_a_pooler_that_loses_prepared_statements(server_url: str, fresh_url: str) -> None:
    """Where the pooler does not keep prepared statements, preparing them is an error; not preparing is fine."""
    with pooler(server_url, further=_no_statements()) as port:
        pooled = through(fresh_url, port)
        wiring = Wiring(pooled, direct_url=fresh_url)
        only(examined(fresh_url, connections, wiring=wiring), "prepared-statements-lost", severity=Severity.ERROR)
        only(examined(fresh_url, connections, wiring=wiring), "prepared-statements-lost", severity=Severity.ERROR)


@needs_pooler
def test_a_pooler_in_session_mode(server_url: str, fresh_url: str) -> None:
    """A pooler that keeps a session together is as good as none."""
    with pooler(server_url, mode="session") as port:
        assert examined(fresh_url, connections, wiring=Wiring(through(fresh_url, port))).findings == ()


def test_a_server_with_few_connections_left(bad_server: EmbeddedServer) -> None:
    """Connections that are short are a warning, and an error when one more process would find none."""
    limits, room = Limits(connection_share=0.01), 17  # of the 20 three are the superuser's
    report = examined(bad_server.url, connections, limits=limits, wiring=Wiring(bad_server.url, pool_size=5))
    only(report, "connections-short", severity=Severity.WARNING)
    report = examined(bad_server.url, connections, limits=limits, wiring=Wiring(bad_server.url, pool_size=room - 2))
    only(report, "connections-short", severity=Severity.ERROR)


def test_a_pool_that_is_larger_than_the_server(server_url: str, fresh_url: str, bad_server: EmbeddedServer) -> None:
    """A pool beyond what the server, or the database, gives is an error that names whose limit it is."""
    report = examined(bad_server.url, connections, wiring=Wiring(bad_server.url, pool_size=16))
    finding = only(report, "pool-too-large", severity=Severity.ERROR)
    assert (finding.values, "the server" in finding.sentence) == ({"pool": 18, "limit": 17}, True)
    database = sql.Identifier(database_of(fresh_url)).as_string()
    do(superuser_of(server_url, fresh_url), f"alter database {database} connection limit 9")
    finding = only(examined(fresh_url, connections), "pool-too-large", severity=Severity.ERROR)
    assert (finding.values["limit"], "the database" in finding.sentence) == (9, True)


@pytest.mark.parametrize(("seconds", "said"), [(60, "ahead of"), (-60, "behind")])
def test_clocks_that_differ(fresh_url: str, seconds: float, said: str) -> None:
    """A machine whose clock is a minute off the database's is told by how much and in which direction."""
    report = examined(fresh_url, connections, clock=lambda: time.time() + seconds)
    finding = only(report, "clock-differs", severity=Severity.WARNING)
    assert said in finding.sentence
    assert finding.values["seconds"] == pytest.approx(seconds, abs=2)
    assert examined(fresh_url, connections).findings == ()


def _no_statements() -> str:
    """Return what tells PgBouncer to keep no prepared statements; before 1.21 it knows nothing of them."""
    said = subprocess.run([PROGRAM or "", "--version"], check=True, capture_output=True, text=True).stdout
    version = tuple(int(part) for part in said.split()[1].split(".")[:2])
    return "max_prepared_statements = 0" if version >= (1, 21) else ""
