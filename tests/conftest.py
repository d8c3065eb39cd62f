"""A real PostgreSQL for every test: one server a run, one migrated template, one database a test process."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator

import psycopg
import pytest
import structlog
from _pytest.faulthandler import fault_handler_stderr_fd_key
from psycopg import sql

from fairlead.db.connect import DatabaseOptions
from fairlead.db.embedded_shared import shared_server
from fairlead.db.scratch import ScratchServer, emptier, migrated_template, scratch_database
from fairlead.db.session import Database
from fairlead.schema.row_security import ROLES
from tests.fixtures.databases import LOGIN, as_login, database_of, in_memory, let_in_quickly
from tests.fixtures.pooler import SERVER_CONNECTIONS, pooler, through

_TEARDOWN_SECONDS = 300
pytest_plugins = ["tests.fixtures.organizations"]
# Tests write a migration again and again in one second, and Python would take what it compiled of the one before.
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Bound a teardown even after a failure, when pytest has taken the test's own bound away to show it."""
    faulthandler.dump_traceback_later(_TEARDOWN_SECONDS, exit=True, file=item.config.stash[fault_handler_stderr_fd_key])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run asynchronous tests on the loop that every process of ours runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Take back what a command that ran in this process set up; its standard error is closed by now."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def server_url(testrun_uid: str) -> Iterator[str]:
    """A superuser's URL: FAIRLEAD_TEST_DATABASE_URL, or an embedded server that this run's processes share."""
    if given := os.environ.get("FAIRLEAD_TEST_DATABASE_URL"):
        yield given
        return
    with shared_server(testrun_uid[:8], folder=in_memory()) as server:
        let_in_quickly(server.superuser_url)
        yield server.superuser_url


@pytest.fixture(scope="session")
def scratch(server_url: str) -> ScratchServer:
    """The same server, where databases are made for a login that has no more rights than the product asks for."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext(%s))", [LOGIN])
        _ensure_login(connection)
    return ScratchServer(server_url, as_login(server_url, database_of(server_url)))


@pytest.fixture(scope="session")
def template(scratch: ScratchServer, testrun_uid: str) -> Iterator[str]:
    """The name of a database that the migrations built, made once a run."""
    with migrated_template(scratch, name=f"template_{testrun_uid[:8]}") as name:
        yield name


@pytest.fixture(scope="session")
def process_url(scratch: ScratchServer, template: str, worker_id: str) -> Iterator[str]:
    """The URL, as the application's login, of a database that only this test process uses."""
    with scratch_database(scratch, name=f"{template}_{worker_id}", template=template) as url:
        yield url


@pytest.fixture
def fresh_url(scratch: ScratchServer, template: str, worker_id: str) -> Iterator[str]:
    """The URL of a migrated database that only this test uses."""
    with scratch_database(scratch, name=f"{template}_{worker_id}_fresh", template=template) as url:
        yield url


@pytest.fixture
def empty_url(scratch: ScratchServer, testrun_uid: str, worker_id: str, template: str) -> Iterator[str]:  # noqa: ARG001 - the roles exist
    """The URL of a database in which nothing was made yet."""
    with scratch_database(scratch, name=f"empty_{testrun_uid[:8]}_{worker_id}") as url:
        yield url


@pytest.fixture(scope="session")
def _emptied(process_url: str) -> Iterator[Callable[[], None]]:
    with emptier(process_url) as emptied:
        yield emptied


@pytest.fixture
def database_url(process_url: str, _emptied: Callable[[], None]) -> str:
    """The URL of this process's database, emptied of everything but the system roles."""
    _emptied()
    return process_url


@pytest.fixture(scope="session")
def options_of(server_url: str) -> Iterator[Callable[[str], DatabaseOptions]]:
    """Makes the options for a database: with FAIRLEAD_TEST_PGBOUNCER set, behind PgBouncer in transaction mode."""
    if not os.environ.get("FAIRLEAD_TEST_PGBOUNCER"):
        yield lambda url: DatabaseOptions(url=url, application_name="tests")
        return
    with pooler(server_url) as port:
        yield lambda url: DatabaseOptions(
            url=through(url, port), application_name="tests", pool_size=SERVER_CONNECTIONS, prepare_after=None
        )


@pytest.fixture(scope="session")
async def _kept_database(process_url: str, options_of: Callable[[str], DatabaseOptions]) -> AsyncIterator[Database]:
    """This process's database with a pool that its tests share: what is known of a new connection has to be learnt."""
    opened = Database(options_of(process_url))
    yield opened
    await opened.close()


@pytest.fixture
def database(database_url: str, _kept_database: Database) -> Database:  # noqa: ARG001 - it empties
    """An empty database with its pool."""
    return _kept_database


def _ensure_login(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    login = sql.Identifier(LOGIN)
    if not connection.execute("select 1 from pg_roles where rolname = %s", [LOGIN]).fetchone():
        connection.execute(
            sql.SQL("create role {} login createrole nobypassrls password {}").format(login, sql.Literal(LOGIN))
        )
    for role in ROLES:
        if connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
            connection.execute(sql.SQL("grant {} to {} with admin option").format(sql.Identifier(role), login))
