"""One database for the tests of a module, which leave it as they find it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from tests.fixtures.worlds import world_url

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database

__all__ = ["world_url"]


@pytest.fixture(scope="module")
async def database(world_url: str, options_of: Callable[[str], DatabaseOptions]) -> AsyncIterator[Database]:
    """The module's database, with its pool."""
    opened = Database(options_of(world_url))
    yield opened
    await opened.close()
