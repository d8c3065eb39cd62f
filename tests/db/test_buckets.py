from __future__ import annotations

from contextlib import suppress

import anyio
import pytest
from tests.fixtures.items import FLEET
from tests.fixtures.people import tell

from fairlead.db.buckets import give_back, take_tokens
from fairlead.db.session import Database
from fairlead.domain.budgets import Bucket, Take

pytestmark = pytest.mark.anyio
SMALL = Bucket(3, 1000)


async def _take(database: Database, *takes: Take) -> float:
    """Take, and undo it all when there was too little."""
    with suppress(InterruptedError):
        async with database.unit_of_work(FLEET) as session:
            return _waited(await take_tokens(session, FLEET, takes=takes))
    return _WAITS.pop()


_WAITS: list[float] = []


def _waited(seconds: float) -> float:
    if seconds:
        _WAITS.append(seconds)
        raise InterruptedError
    return seconds


async def test_a_bucket_gives_its_burst_and_then_one_a_time(database: Database) -> None:
    """Three are free, the fourth is told to wait until one has come in, and then it has."""
    waits = [await _take(database, Take("a", SMALL)) for _ in range(4)]
    assert waits[:3] == [0, 0, 0]
    assert 990 < waits[3] <= 1000

    await tell(database, "update buckets set full_at = full_at - interval '1000 seconds'")

    assert await _take(database, Take("a", SMALL)) == 0
    assert await _take(database, Take("a", SMALL)) > 0


async def test_what_was_not_used_is_not_saved_up(database: Database) -> None:
    """A bucket that was left alone for ever gives its burst and no more."""
    await _take(database, Take("a", SMALL))
    await tell(database, "update buckets set full_at = '2001-01-01'")

    assert [await _take(database, Take("a", SMALL)) > 0 for _ in range(4)] == [False, False, False, True]


async def test_all_or_nothing(database: Database) -> None:
    """When one bucket is empty, nothing is taken of the others; the wait is the longest one's."""
    large = Take("large", Bucket(100, 1))
    for _ in range(3):
        await _take(database, Take("a", SMALL))
    for _ in range(5):
        assert await _take(database, large, Take("a", SMALL)) > 900
    assert await tell(database, "select 1 from buckets where name = 'large'") == []


async def test_what_is_given_back_can_be_taken_again(database: Database) -> None:
    """Giving back is the opposite of taking, of several at once too."""
    takes = [Take("a", SMALL), Take("b", Bucket(3, 0.5), tokens=3)]
    for _ in range(5):
        assert await _take(database, *takes) == 0
        async with database.unit_of_work(FLEET) as session:
            await give_back(session, FLEET, takes=takes)


async def test_many_at_once_get_what_there_is(database: Database) -> None:
    """Of forty at the same moment exactly the burst get one, in whatever order they name the buckets."""
    waits: list[float] = []
    takes = (Take("a", Bucket(7, 1000)), Take("b", Bucket(100, 1000)))

    async def one(index: int) -> None:
        waits.append(await _take(database, *(takes if index % 2 else takes[::-1])))

    async with anyio.create_task_group() as tasks:
        for index in range(40):
            tasks.start_soon(one, index)
    assert waits.count(0) == 7
