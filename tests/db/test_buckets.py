from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress

import anyio
import pytest
from tests.fixtures.items import FLEET
from tests.fixtures.people import tell
from tests.fixtures.statements import opened

from fairlead.db.buckets import draw_tokens, give_back, take_tokens
from fairlead.db.session import Database
from fairlead.domain.budgets import Bucket, Take

pytestmark = pytest.mark.anyio
SMALL = Bucket(3, 1000)
SLOW = 1000.0  # seconds for a token: none comes back while a test runs


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


async def draw(database: Database, *takes: Take) -> list[int]:
    """Take of buckets in a transaction of its own and return how many tokens each gave."""
    return [drawn.tokens for drawn in await draw_tokens(database.alone(FLEET), FLEET, takes=takes)]


async def test_a_bucket_gives_what_is_asked_for_and_then_what_is_left(database: Database) -> None:
    """A new bucket is full; it gives as many tokens as are asked for, the rest of them, and none."""
    bucket = Bucket(10, SLOW)

    assert [await draw(database, Take("one", bucket, 4)) for _ in range(4)] == [[4], [4], [2], [0]]


async def test_nobody_gets_more_than_the_bucket_holds(database: Database) -> None:
    """A first taking gets at most the whole bucket, too."""
    assert await draw(database, Take("one", Bucket(3, SLOW), 100)) == [3]


async def test_each_bucket_answers_by_itself(database: Database) -> None:
    """Of several buckets each gives what it has, in the order in which they were asked."""
    await draw(database, Take("empty", Bucket(5, SLOW), 5))

    asked = [Take("full", Bucket(5, SLOW), 5), Take("empty", Bucket(5, SLOW)), Take("another", Bucket(5, SLOW), 2)]
    assert await draw(database, *asked) == [5, 0, 2]


async def test_tokens_come_back_evenly(database: Database) -> None:
    """After the time of three tokens there are three again, and never more than the bucket holds."""
    await draw(database, Take("one", Bucket(10, SLOW), 10))
    for seconds, tokens in ((3 * SLOW, 3), (1e9, 10)):
        await tell(database, "update buckets set full_at = full_at - make_interval(secs => :seconds)", seconds=seconds)
        assert await draw(database, Take("one", Bucket(10, SLOW), 50)) == [tokens]


async def test_every_token_can_be_had_one_by_one(database: Database) -> None:
    """Rounding to microseconds takes no token away, whatever a token's time is."""
    for every_seconds in (0.1 * SLOW, SLOW / 3, SLOW / 7):
        takes = [Take(f"every {every_seconds}", Bucket(7, every_seconds))]
        assert [await draw(database, *takes) for _ in range(8)] == [[1]] * 7 + [[0]]


async def test_concurrent_takings_never_get_more_than_there_is(database: Database) -> None:
    """Two pools, as of two processes, take at the same time, and together get exactly what the bucket holds."""
    async with opened(database) as other:
        pools = itertools.cycle([database, other])
        got = await asyncio.gather(*(draw(next(pools), Take("one", Bucket(100, SLOW), 7)) for _ in range(40)))

    assert sum(itertools.chain.from_iterable(got)) == 100


async def test_buckets_are_taken_from_in_one_order(database: Database) -> None:
    """Callers that name the same buckets in opposite orders wait for each other and never deadlock."""
    takes = [Take(f"bucket {number}", Bucket(1000, SLOW)) for number in range(20)]
    orders = itertools.cycle([takes, takes[::-1]])
    got = await asyncio.gather(*(draw(database, *next(orders)) for _ in range(30)))

    assert all(tokens == [1] * 20 for tokens in got)
