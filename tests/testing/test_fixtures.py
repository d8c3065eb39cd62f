from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from tests.fixtures.databases import as_login, database_of, made_login
from tests.fixtures.projects import Project, passed

from fairlead.schema.row_security import ROLES

CONFTEST = """
import pytest

pytest_plugins = ["fairlead.testing.fixtures"]

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""

# Each looks whether it is alone, then leaves something for the next one to see, by a name that can be there only once.
ALONE = """
import asyncio
import os
import pathlib

import pytest
from sqlalchemy import text

from fairlead.db.tenancy import system
from fairlead.testing import make_organization, make_tenant

SCOPE = system("looking")


async def leave_rows(database):
    async with database.unit_of_work(SCOPE) as session:
        for table in ("organizations", "users", "audit_events"):
            assert (await session.execute(text(f"select count(*) from {table}"))).scalar_one() == 0
    await make_tenant(database, slug="only-one", owner_email="only@example.com")


@pytest.mark.anyio
@pytest.mark.parametrize("number", range(3))
async def test_on_anyio(fairlead_database, number):
    await leave_rows(fairlead_database)


@pytest.mark.parametrize("number", range(3))
def test_on_a_loop_of_its_own(fairlead_database, number):
    asyncio.run(leave_rows(fairlead_database))


@pytest.mark.parametrize("number", range(2))
def test_a_tenant_is_ready(fairlead_tenant, fairlead_database_url, fairlead_server_url, number):
    assert fairlead_tenant.queue.name == "default"
    assert fairlead_tenant.scope.organization_id == fairlead_tenant.owner.organization_id
    with pathlib.Path("seen").open("a") as seen:
        seen.write(f"{fairlead_server_url} {fairlead_database_url}\\n")


@pytest.mark.anyio
async def test_a_tenant_is_in_the_database(fairlead_tenant, fairlead_database):
    async with fairlead_database.unit_of_work(SCOPE) as session:
        assert (await session.execute(text("select id from organizations"))).scalars().all() == [
            fairlead_tenant.organization.id
        ]
"""

ENDED = """
def test_that_never_ends(fairlead_tenant, fairlead_database):
    raise KeyboardInterrupt
"""


@pytest.fixture
def given_url(server_url: str, template: str, worker_id: str) -> Iterator[str]:
    """The URL of a login that has the rights of an application and may make databases."""
    with made_login(server_url, f"{template}_{worker_id}_given") as login:
        rights = sql.SQL(f"alter role {{}} createdb createrole; grant {', '.join(ROLES)} to {{}}")
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(
                rights.format(sql.Identifier(login), sql.Identifier(login)) + sql.SQL(" with admin option")
            )
        yield as_login(server_url, database_of(server_url), login)


def databases_of(url: str) -> list[str]:
    """Return the databases that a login owns."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "select datname from pg_database d join pg_roles r on r.oid = d.datdba where r.rolname = current_user"
        )
        return [row[0] for row in rows.fetchall()]


@pytest.mark.parametrize("processes", [0, 2])
def test_a_project_has_a_server_that_comes_and_goes(project: Project, processes: int) -> None:
    """Tests see a database that is empty, in processes that share a server; nothing is left when the run is over."""
    project.write("conftest.py", CONFTEST)
    project.write("test_alone.py", ALONE)
    assert passed(project.test("-n", str(processes), "--dist", "each" if processes else "no")) == 9 * (processes or 1)
    seen = [line.split() for line in project.directory.joinpath("seen").read_text().splitlines()]
    assert len({server for server, _ in seen}) == 1
    assert len({database for _, database in seen}) == (processes or 1)
    assert project.left_behind() == []


def test_a_given_server_is_left_as_it_was(project: Project, given_url: str) -> None:
    """With FAIRLEAD_TEST_DATABASE_URL that server is used, by a login that needs no more than CREATEDB besides."""
    project.write("conftest.py", CONFTEST)
    project.write("test_alone.py", ALONE)
    assert passed(project.test(FAIRLEAD_TEST_DATABASE_URL=given_url)) == 9
    assert given_url in project.directory.joinpath("seen").read_text()
    assert databases_of(given_url) == project.left_behind() == []


def test_a_run_that_is_interrupted_leaves_nothing(project: Project, given_url: str) -> None:
    """Ctrl-C in the middle of a test ends the run and drops its databases."""
    project.write("conftest.py", CONFTEST)
    project.write("test_ended.py", ENDED)
    run = project.test(FAIRLEAD_TEST_DATABASE_URL=given_url)
    assert run.returncode == pytest.ExitCode.INTERRUPTED, run.stdout
    assert databases_of(given_url) == project.left_behind() == []


def test_the_server_can_be_the_projects_own(project: Project, given_url: str) -> None:
    """A project that brings its server, from containers say, overrides one fixture."""
    own = f"""
@pytest.fixture(scope="session")
def fairlead_server_url():
    return {given_url!r}
"""
    project.write("conftest.py", CONFTEST + own)
    project.write("test_alone.py", ALONE)
    assert passed(project.test("-k", "tenant")) == 3
    assert given_url in project.directory.joinpath("seen").read_text()


def test_nothing_is_loaded_unasked() -> None:
    """A project that does not ask for the fixtures has none, and the factories do not need pytest."""
    code = "import sys, fairlead.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
