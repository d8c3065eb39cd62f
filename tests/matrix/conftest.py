"""The world of the matrix: two organizations full of things that have to do with each other, and everybody who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI
from tests.fixtures.databases import made_database
from tests.fixtures.signing import QUICK
from tests.matrix.world import Scene, everybody
from tests.tenancy.world import MARK, PEPPER, Target, entangle, make_target

from fairlead.api.app import create_app
from fairlead.bootstrap import Resources
from fairlead.db.connect import DatabaseOptions
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.domain.rate_limits import RateLimits


@pytest.fixture(scope="module")
def world_url(server_url: str, template: str, worker_id: str) -> Iterator[str]:
    """The URL of a migrated database that only this module's tests use."""
    with made_database(server_url, f"{template}_{worker_id}_matrix", template=template) as url:
        yield url


@pytest.fixture(scope="module")
async def world(world_url: str) -> AsyncIterator[Database]:
    """The database, open."""
    opened = Database(DatabaseOptions(url=world_url, application_name="matrix", pool_size=2))
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def app(world: Database) -> AsyncIterator[FastAPI]:
    """The application."""
    notifier = Notifier(world.options)
    resources = Resources(
        database=world,
        notifier=notifier,
        database_url=world.options.url,
        pepper=PEPPER,
        rate_limits=RateLimits(per_key=0, per_organization=0, per_address=0),  # what is left would tell answers apart
    )
    made = create_app(resources)
    made.state.passwords = QUICK
    yield made
    await notifier.close()


@pytest.fixture(scope="module")
async def own(world: Database) -> Target:
    """The organization of whoever asks."""
    return await make_target(world, mark="mine")


@pytest.fixture(scope="module")
async def victim(world: Database, own: Target) -> Target:
    """The organization whose things must stay out of reach, although the two have to do with each other."""
    made = await make_target(world, mark=MARK)
    await entangle(world, own, made)
    return made


@pytest.fixture(scope="module")
async def scene(app: FastAPI, world: Database, own: Target, victim: Target) -> Scene:
    """All of it, and everybody who asks."""
    return Scene(app, world, own, victim, await everybody(world, own, victim))
