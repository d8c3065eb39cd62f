"""A database with a clock for this process's schedules."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.fixtures.clock import ClockedDatabase, install_clock
from tests.interleavings.ground import Ground

from fairlead.db.connect import DatabaseOptions
from fairlead.db.scratch import ScratchServer, scratch_database


@pytest.fixture(scope="session")
def clocked_url(scratch: ScratchServer, template: str, worker_id: str) -> Iterator[str]:
    """The URL of a migrated database whose clock only the tests move."""
    with scratch_database(scratch, name=f"{template}_{worker_id}_clocked", template=template) as url:
        yield install_clock(url)


@pytest.fixture(scope="session")
def ground(clocked_url: str) -> Iterator[Ground]:
    """The ground that every schedule begins on."""
    made = Ground(clocked_url)
    yield made
    made.close()


@pytest.fixture
async def sides(clocked_url: str) -> AsyncIterator[tuple[ClockedDatabase, ClockedDatabase]]:
    """Two programs, each with a connection and a clock of its own."""
    options = DatabaseOptions(url=clocked_url, application_name="tests", pool_size=1)
    one, other = ClockedDatabase(options), ClockedDatabase(options)
    yield one, other
    await one.close()
    await other.close()
