from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from tests.fixtures.databases import LOGIN, as_login, database_of, made_login
from tests.fixtures.every_table import fill_every_table

from fairlead.db import migrate, scratch
from fairlead.db.scratch import ScratchServer, emptier, empty, migrated_template, scratch_database
from fairlead.errors import DatabaseUnavailable, OperatorError
from fairlead.schema import metadata

_COUNTS = " union all ".join(f"select '{table}', count(*) from {table}" for table in sorted(metadata.tables))  # noqa: S608


@pytest.fixture
def name(testrun_uid: str, worker_id: str) -> str:
    """The name of a template that only this test uses."""
    return f"scratch_{testrun_uid[:8]}_{worker_id}"


@pytest.fixture
def server(scratch: ScratchServer, template: str) -> ScratchServer:  # noqa: ARG001 - the roles exist
    """The tests' server."""
    return scratch


def asked(url: str, statement: str, *parameters: Any) -> list[Any]:
    """Return what a statement returns."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode(), list(parameters)).fetchall()


def counted(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Return how many rows each table has."""
    return dict(connection.execute(_COUNTS.encode()).fetchall())


def number_of(server: ScratchServer, name: str) -> int | None:
    """Return what a database is known as to the server, which is never given twice; None where there is none."""
    rows = asked(server.url, "select oid from pg_database where datname = %s", name)
    return rows[0][0] if rows else None


def test_the_last_to_leave_drops_the_template(server: ScratchServer, name: str) -> None:
    """Processes share one template: it is made for the first, stays while one of them is there, and is gone then."""
    with migrated_template(server, name=name):
        made = number_of(server, name)
        with migrated_template(server, name=name):
            assert number_of(server, name) == made is not None
        assert number_of(server, name) == made
        assert migrate.pending(server.url_of(name)) == []
    assert number_of(server, name) is None


def test_processes_that_come_at_once_get_one_template(server: ScratchServer, name: str) -> None:
    """However many ask at the same moment, the migrations run once."""
    together = threading.Barrier(3)

    def come() -> int | None:
        with migrated_template(server, name=name):
            found = number_of(server, name)
            together.wait(60)
            return found

    with ThreadPoolExecutor(3) as threads:
        [number] = {future.result() for future in [threads.submit(come) for _ in range(3)]}
    assert number is not None
    assert number_of(server, name) is None


def test_half_a_template_is_made_again(server: ScratchServer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that died while it made the template leaves nothing that the next one takes for it."""
    with monkeypatch.context() as broken:
        broken.setattr(migrate, "migrate", lambda _url: 1 / 0)
        with pytest.raises(ZeroDivisionError), migrated_template(server, name=name):
            pytest.fail("half a template was taken for whole")
    with migrated_template(server, name=name):
        assert migrate.pending(server.url_of(name)) == []
    assert (number_of(server, name), number_of(server, f"{name}_draft")) == (None, None)


def test_a_database_is_its_owners_and_goes_away(server: ScratchServer, template: str, name: str) -> None:
    """A scratch database is a copy of the template that the owner's login owns, and goes whoever is connected."""
    with scratch_database(server, name=name, template=template) as url:
        assert migrate.pending(url) == []
        [(owner,)] = asked(url, "select rolname from pg_roles r join pg_database d on d.datdba = r.oid "
                                "where datname = current_database()")  # fmt: skip
        assert owner == LOGIN
        connection = psycopg.connect(url)
    assert number_of(server, name) is None
    connection.close()


def test_a_database_without_an_owner_is_of_who_makes_it(server_url: str, name: str) -> None:
    """With one login for both, that login's URL leads to the database."""
    [(login,)] = asked(server_url, "select cast(current_user as text)")
    with scratch_database(ScratchServer(server_url), name=name) as url:
        assert asked(url, "select cast(current_user as text), current_database()") == [(login, name)]


def test_a_driver_in_the_url_is_no_matter(server_url: str, name: str) -> None:
    """A URL may name SQLAlchemy's driver, as the application's own settings often do."""
    given = server_url.replace("postgresql://", "postgresql+psycopg://")
    with scratch_database(ScratchServer(given), name=name) as url:
        assert asked(url, "select current_database()") == [(name,)]


def test_emptying_leaves_what_the_migrations_made(fresh_url: str) -> None:
    """No row of any table is left but the system's roles, and the note of what was migrated."""
    before = asked(fresh_url, "select * from fairlead_migrations")
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        connection.execute("set role fairlead_system")
        made = counted(connection)
        fill_every_table(connection)
        connection.execute("set role fairlead_system")
        filled = counted(connection)
        empty(fresh_url)
        emptied = counted(connection)
    assert all(filled[table] > made[table] for table in made)
    assert emptied == made
    assert {table for table, rows in made.items() if rows} == {"roles"}
    assert asked(fresh_url, "select * from fairlead_migrations") == before


def test_emptying_does_not_wait_for_ever(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that somebody left open is an error, not a test run that stands still."""
    monkeypatch.setattr(scratch, "_LOCK_SECONDS", 0.05)
    with psycopg.connect(fresh_url) as connection:
        fill_every_table(connection)
        connection.commit()
        connection.execute("set role fairlead_system")
        connection.execute("select 1 from organizations for update")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            empty(fresh_url)


def test_emptying_outlasts_its_connection(server_url: str, fresh_url: str) -> None:
    """Whoever ends every connection to the database in one test has not ended the next one's emptying."""
    with emptier(fresh_url) as emptied, psycopg.connect(server_url, autocommit=True) as administrator:
        for _ in range(2):
            with psycopg.connect(fresh_url) as connection:
                fill_every_table(connection)
            emptied()
            assert asked(fresh_url, "select count(*) from organizations") == [(0,)]
            administrator.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
                [database_of(fresh_url)],
            )


def test_who_may_not_make_databases_is_told_what_to_do(server_url: str, name: str) -> None:
    """A login without CREATEDB is answered with the statement that gives it."""
    with made_login(server_url, name) as login:
        server = ScratchServer(as_login(server_url, database_of(server_url), login))
        with pytest.raises(OperatorError, match=f'alter role "{login}" createdb'), migrated_template(server, name=name):
            pytest.fail("it may")


def test_a_server_that_is_away_is_said_to_be(name: str) -> None:
    """A server that cannot be reached is one of the errors of the tree."""
    away = ScratchServer("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable, match="for tests"), migrated_template(away, name=name):
        pytest.fail("it answers")
