"""A database for verbs that go by the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.fixtures.clock import ClockedDatabase, install_clock

from fairlead.db.connect import DatabaseOptions


@pytest.fixture
async def clocked(fresh_url: str) -> AsyncIterator[ClockedDatabase]:
    """A database whose clock only the test moves."""
    opened = ClockedDatabase(DatabaseOptions(url=install_clock(fresh_url), application_name="tests"))
    yield opened
    await opened.close()
