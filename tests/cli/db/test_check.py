from __future__ import annotations

import orjson
import psycopg
import pytest
from psycopg import sql
from tests.cli.conftest import Made, Run
from tests.fixtures.databases import LOGIN, database_of

from fairlead.db import migrate


@pytest.fixture(autouse=True)
def _may_make_databases(server_url: str, database_url: str) -> None:
    assert database_of(database_url)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext(%s))", [LOGIN])
        connection.execute(sql.SQL("alter role {} createdb").format(sql.Identifier(LOGIN)))


def test_a_clean_schema(made: Made, run: Run) -> None:
    """Without a disagreement the command says so, and exits with 0."""
    assert made("db", "check", "--live") == {"target": "fairlead", "clean": True, "findings": []}
    assert "Everything agrees." in run("db", "check").stderr


def test_a_drift_exits_with_four(run: Run, fresh_url: str) -> None:
    """A drift of the database is told as a line for people, or as JSON, and the exit code is 4."""
    with psycopg.connect(fresh_url) as connection:
        connection.execute("set role fairlead_owner")
        connection.execute("drop policy queues_tenant on queues")
    told = run("db", "check", "--live", FAIRLEAD_DATABASE_URL=fresh_url)
    assert told.returncode == 4
    assert "policy queues_tenant on queues is declared by the models and missing in the database" in told.stdout
    answer = run("db", "check", "--live", "--json", FAIRLEAD_DATABASE_URL=fresh_url)
    assert answer.returncode == 4
    [finding] = orjson.loads(answer.stdout)["findings"]
    assert (finding["code"], finding["subject"]) == ("drift", "queues")


def test_an_exported_schema_is_taken_on(made: Made, run: Run, empty_url: str) -> None:
    """What `export` prints runs on an empty database, and with a stamp migrations go on from there."""
    text = run("db", "export").stdout
    assert made("db", "export")["sql"] == text
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(text.encode())
    assert run("db", "stamp", "head", FAIRLEAD_DATABASE_URL=empty_url).returncode == 0
    assert migrate.pending(empty_url) == []
    assert run("db", "check", "--live", FAIRLEAD_DATABASE_URL=empty_url).returncode == 0
