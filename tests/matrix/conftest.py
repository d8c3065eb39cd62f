"""The world of the matrix: two organizations full of things that have to do with each other, and everybody who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from tests.fixtures.signing import QUICK
from tests.fixtures.worlds import world, world_url
from tests.matrix.world import Scene, everybody
from tests.tenancy.conftest import own, victim
from tests.tenancy.world import PEPPER, Target

from fairlead.api.app import create_app
from fairlead.bootstrap import Resources
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.domain.rate_limits import RateLimits

__all__ = ["own", "victim", "world", "world_url"]


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
async def scene(app: FastAPI, world: Database, own: Target, victim: Target) -> Scene:
    """All of it, and everybody who asks."""
    return Scene(app, world, own, victim, await everybody(world, own, victim))
