from __future__ import annotations

import asyncio

import pytest
from tests.fixtures.items import FLEET
from tests.fixtures.people import tell

from fairlead.db.duty import take_duty
from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


async def _take(database: Database, name: str = "sweep") -> bool:
    return await take_duty(database.alone(FLEET), FLEET, name=name, seconds=3600)


async def test_a_duty_is_taken_once(database: Database) -> None:
    """Of many that want a duty at once one gets it, the first time as well as every time it is due again."""
    for _ in range(2):
        assert sum(await asyncio.gather(*(_take(database) for _ in range(8)))) == 1
        assert not await _take(database)
        await tell(database, "update duties set due_at = statement_timestamp()")


async def test_duties_are_their_own(database: Database) -> None:
    """That one duty is taken says nothing of another."""
    assert await _take(database)
    assert await _take(database, "dust")
