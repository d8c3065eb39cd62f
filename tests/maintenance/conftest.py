"""Periodic work on a real database, and the wake-ups that it sends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.fixtures.workers import resources_on

from fairlead.bootstrap import Resources
from fairlead.db.connect import DatabaseOptions
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.maintenance.lookout import Lookout


class Announced(Notifier):
    """A notifier that only remembers."""

    def __init__(self, options: DatabaseOptions) -> None:
        super().__init__(options)
        self.queues: list[str] = []

    def announce(self, queue_id: str) -> None:
        """Remember a queue."""
        self.queues.append(queue_id)


@pytest.fixture
async def announced(database: Database) -> Announced:
    """What was announced."""
    return Announced(database.options)


@pytest.fixture
async def resources(database: Database, announced: Announced) -> AsyncIterator[Resources]:
    """What periodic work works with."""
    async with resources_on(database) as opened:
        yield replace(opened, notifier=announced)


@pytest.fixture
def lookout(database: Database) -> Lookout:
    """A lookout that has not looked yet and wakes nobody."""
    return Lookout(database)
