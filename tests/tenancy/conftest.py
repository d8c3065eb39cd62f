"""One database a test process with two organizations in it; what a test does to it is rolled back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.fixtures.databases import database_of, made_database
from tests.tenancy.world import MARK, Target, entangle, make_target

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database


@pytest.fixture(scope="module")
def world_url(server_url: str, template: str, worker_id: str) -> Iterator[str]:
    """The URL of a migrated database that only this module's tests use."""
    with made_database(server_url, f"{template}_{worker_id}_tenancy", template=template) as url:
        assert database_of(url)
        yield url


@pytest.fixture(scope="module")
async def world(world_url: str) -> AsyncIterator[Database]:
    """The database, open."""
    opened = Database(DatabaseOptions(url=world_url, application_name="tenancy", pool_size=2))
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def own(world: Database) -> Target:
    """The organization of whoever attacks."""
    return await make_target(world, mark="mine")


@pytest.fixture(scope="module")
async def victim(world: Database, own: Target) -> Target:
    """The organization whose rows must stay out of reach, although the two have to do with each other."""
    made = await make_target(world, mark=MARK)
    await entangle(world, own, made)
    return made
