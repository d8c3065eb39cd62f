"""Two organizations in a database of the module's own; what a test does to them is rolled back."""

from __future__ import annotations

import pytest
from tests.fixtures.worlds import world, world_url
from tests.tenancy.world import MARK, Target, entangle, make_target

from fairlead.db.session import Database

__all__ = ["world", "world_url"]


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
