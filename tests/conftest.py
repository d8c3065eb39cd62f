"""A real PostgreSQL for every test: one server a run, one migrated template, one database a test process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from fcntl import LOCK_EX, flock
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from fairlead.db import migrate
from fairlead.db.connect import DatabaseOptions
from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer
from fairlead.db.session import Database

pytest_plugins = ["tests.fixtures.organizations"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, the only loop Fairlead supports."""
    return "asyncio"


@pytest.fixture(scope="session")
def server_url(testrun_uid: str) -> Iterator[str]:
    """A superuser's URL: FAIRLEAD_TEST_DATABASE_URL, or an embedded server that this run's processes share."""
    if given := os.environ.get("FAIRLEAD_TEST_DATABASE_URL"):
        yield given
        return
    directory = Path(tempfile.gettempdir()) / f"fairlead-{testrun_uid[:8]}"
    with EmbeddedServer.open(EmbeddedOptions(data_dir=directory)) as server:
        yield server.superuser_url
    if not list(directory.rglob("postmaster.pid")):
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server_url: str, testrun_uid: str) -> str:
    """The name of a database that the migrations built, made once a run."""
    name, login = f"template_{testrun_uid[:8]}", "fairlead_tests"
    with Path(tempfile.gettempdir(), f"{name}.lock").open("w") as lock, _connected(server_url) as connection:
        flock(lock, LOCK_EX)
        if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            _ensure_login(connection, login)
            _create(connection, f"{name}_draft", owner=login)
            migrate.migrate(_as_login(server_url, f"{name}_draft"))
            connection.execute(
                sql.SQL("alter database {} rename to {}").format(sql.Identifier(f"{name}_draft"), sql.Identifier(name))
            )
    return name


@pytest.fixture(scope="session")
def process_url(server_url: str, template: str, worker_id: str) -> Iterator[str]:
    """The URL, as the application's login, of a database that only this test process uses."""
    name = f"{template}_{worker_id}"
    with _connected(server_url) as connection:
        _create(connection, name, owner="fairlead_tests", template=template)
    yield _as_login(server_url, name)
    with _connected(server_url) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def fresh_url(server_url: str, template: str, worker_id: str) -> Iterator[str]:
    """The URL of a migrated database that only this test uses."""
    name = f"{template}_{worker_id}_fresh"
    with _connected(server_url) as connection:
        _create(connection, name, owner="fairlead_tests", template=template)
    yield _as_login(server_url, name)
    with _connected(server_url) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def empty_url(server_url: str, testrun_uid: str, worker_id: str, template: str) -> Iterator[str]:  # noqa: ARG001 - the roles exist
    """The URL of a database in which nothing was made yet."""
    name = f"empty_{testrun_uid[:8]}_{worker_id}"
    with _connected(server_url) as connection:
        _create(connection, name, owner="fairlead_tests")
    yield _as_login(server_url, name)
    with _connected(server_url) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(process_url: str) -> str:
    """The URL of this process's database, emptied of everything but the system roles."""
    with psycopg.connect(process_url, autocommit=True) as connection:
        connection.execute("set role fairlead_system")
        for table in ("organizations", "users", "workers", "audit_events"):
            connection.execute(sql.SQL("delete from {}").format(sql.Identifier(table)))
    return process_url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty database with its pool."""
    opened = Database(DatabaseOptions(url=database_url, application_name="tests"))
    yield opened
    await opened.close()


def _connected(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, autocommit=True)


def _create(
    connection: psycopg.Connection[tuple[object, ...]], name: str, *, owner: str, template: str = "template1"
) -> None:
    names = [sql.Identifier(part) for part in (name, owner, template)]
    connection.execute(sql.SQL("drop database if exists {} with (force)").format(names[0]))
    connection.execute(sql.SQL("create database {} owner {} template {}").format(*names))


def _ensure_login(connection: psycopg.Connection[tuple[object, ...]], login: str) -> None:
    if not connection.execute("select 1 from pg_roles where rolname = %s", [login]).fetchone():
        connection.execute(
            sql.SQL("create role {} login createrole nobypassrls password 'fairlead_tests'").format(
                sql.Identifier(login)
            )
        )
    for role in ("fairlead_owner", "fairlead_app", "fairlead_system"):
        if connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
            connection.execute(
                sql.SQL("grant {} to {} with admin option").format(sql.Identifier(role), sql.Identifier(login))
            )


def _as_login(url: str, database_name: str) -> str:
    changed = make_url(url).set(database=database_name, username="fairlead_tests", password="fairlead_tests")
    return changed.render_as_string(hide_password=False)
