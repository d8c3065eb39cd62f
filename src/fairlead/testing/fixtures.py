"""pytest fixtures: a real PostgreSQL for your tests, and in it what most of them start from.

In the conftest.py beside your pyproject.toml: `pytest_plugins = ["fairlead.testing.fixtures"]`. Nothing here is loaded
without that line. No fixture is asynchronous, so whatever runs your asynchronous tests (anyio, pytest-asyncio) can use
them; a fixture that works on the database does so on a thread and an event loop of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import pytest

from fairlead.db.connect import DatabaseOptions
from fairlead.db.embedded_shared import shared_server
from fairlead.db.scratch import ScratchServer, allow_databases, emptier, migrated_template, scratch_database
from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.testing.factories import Tenant, make_tenant

_Result = TypeVar("_Result")
_RUN_CHARACTERS = 8


class _Process(NamedTuple):
    """Which run of the tests this is, and which of its processes."""

    run: str
    name: str


@pytest.fixture(scope="session")
def _fairlead_process(pytestconfig: pytest.Config) -> _Process:
    told = getattr(pytestconfig, "workerinput", None)  # from pytest-xdist, in each of its processes
    if told is None:
        return _Process(new_id()[:_RUN_CHARACTERS], "main")
    return _Process(told["testrunuid"][:_RUN_CHARACTERS], told["workerid"])


@pytest.fixture(scope="session")
def fairlead_server_url(_fairlead_process: _Process) -> Iterator[str]:
    """The URL of a login that may make databases: FAIRLEAD_TEST_DATABASE_URL, or an embedded PostgreSQL's.

    The embedded one is shared by all processes of the run and removed after it. Override this to bring your own.
    """
    if given := os.environ.get("FAIRLEAD_TEST_DATABASE_URL"):
        yield given
        return
    with shared_server(_fairlead_process.run) as server:
        allow_databases(server.superuser_url, login="fairlead")
        yield server.url


@pytest.fixture(scope="session")
def _fairlead_process_url(fairlead_server_url: str, _fairlead_process: _Process) -> Iterator[str]:
    """The URL of a database that only this process uses."""
    server, run = ScratchServer(fairlead_server_url), f"fairlead_{_fairlead_process.run}"
    with (
        migrated_template(server, name=run) as template,
        scratch_database(server, name=f"{run}_{_fairlead_process.name}", template=template) as url,
    ):
        yield url


@pytest.fixture(scope="session")
def _fairlead_emptied(_fairlead_process_url: str) -> Iterator[Callable[[], None]]:
    with emptier(_fairlead_process_url) as emptied:
        yield emptied


@pytest.fixture
def fairlead_database_url(_fairlead_process_url: str, _fairlead_emptied: Callable[[], None]) -> str:
    """The URL of a migrated database that only this process uses, emptied before the test."""
    _fairlead_emptied()
    return _fairlead_process_url


@pytest.fixture
def fairlead_database(fairlead_database_url: str) -> Iterator[Database]:
    """An empty database, open; its connections are made in the test's event loop."""
    database = Database(DatabaseOptions(url=fairlead_database_url, application_name="tests"))
    yield database
    _finished(database.close())


@pytest.fixture
def fairlead_tenant(fairlead_database_url: str) -> Tenant:
    """An organization with an owner, a queue named "default", and an API key of the owner's."""
    return _finished(_made_tenant(fairlead_database_url))


async def _made_tenant(url: str) -> Tenant:
    database = Database(DatabaseOptions(url=url, application_name="tests", pool_size=1))
    try:
        return await make_tenant(database)
    finally:
        await database.close()


def _finished(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return what a coroutine comes to, out of the way of the test's own event loop."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fairlead-fixtures") as thread:
        return thread.submit(asyncio.run, work).result()
