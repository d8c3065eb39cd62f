from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable

import pytest
from tests.fixtures.faults import end_connections, refuse_connections, until_back

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database, Session
from fairlead.db.tenancy import Scope
from fairlead.domain.ids import new_id
from fairlead.domain.rate_limits import RateLimits, Standing
from fairlead.errors import DatabaseUnavailable
from fairlead.services.access import Principal
from fairlead.services.rate_limits import RateLimiter

pytestmark = pytest.mark.anyio
FREE = RateLimits(per_key=0, per_organization=0, per_address=0)


class Counting(Database):
    """A pool that counts the statements that are sent alone."""

    statements = 0

    def alone(self, scope: Scope) -> Session:
        """Count one more."""
        self.statements += 1
        return super().alone(scope)


@pytest.fixture
async def counting(database_url: str, options_of: Callable[[str], DatabaseOptions]) -> AsyncIterator[Counting]:
    """The pool of another process, which counts."""
    opened = Counting(options_of(database_url))
    yield opened
    await opened.close()


def key(organization_id: str = "", api_key_id: str = "") -> Principal:
    """Return what an API key stands for; by default another one each time."""
    return Principal(organization_id or new_id(), new_id(), frozenset(), api_key_id=api_key_id or new_id())


def waits(standings: list[Standing | None]) -> list[bool]:
    """Tell of each request whether it was refused."""
    return [standing is not None and standing.wait_seconds > 0 for standing in standings]


async def test_a_limit_is_reached_exactly(database: Database) -> None:
    """As many requests are let in as the limit says, and the next is told when to come again; so is each after it."""
    limiter, who = RateLimiter(database, RateLimits(per_key=10)), key()
    standings = [await limiter.admit(who) for _ in range(13)]

    assert waits(standings) == [False] * 10 + [True] * 3
    assert [standing.remaining for standing in standings if standing] == [*range(9, -1, -1), 0, 0, 0]
    assert {standing.limit for standing in standings if standing} == {10}
    assert all(
        0 < standing.wait_seconds <= 6 and 50 < standing.reset_seconds <= 60 for standing in standings[10:] if standing
    )


async def test_each_key_organization_and_address_has_a_limit_of_its_own(database: Database) -> None:
    """A key that is used up leaves the others of its organization alone, an organization the other ones."""
    limiter = RateLimiter(database, RateLimits(per_key=2, per_organization=5, per_address=1))
    ours, first, second = new_id(), new_id(), new_id()
    asked = [*[key(ours, first)] * 3, *[key(ours, second)] * 3, key(ours), key(ours), key()]

    assert waits([await limiter.admit(who) for who in asked]) == [False, False, True] * 2 + [False, True, False]
    assert waits([await limiter.admit_address(text) for text in ("a", "a", "b")]) == [False, True, False]


async def test_who_is_refused_uses_nothing(database: Database) -> None:
    """A request that the key's limit refuses is not counted for its organization."""
    limiter = RateLimiter(database, RateLimits(per_key=1, per_organization=2))
    ours, greedy = new_id(), new_id()
    standings = [await limiter.admit(key(ours, greedy)) for _ in range(5)]
    standings += [await limiter.admit(key(ours)) for _ in range(2)]

    assert waits(standings) == [False, True, True, True, True, False, True]


async def test_no_limit_asks_nobody(counting: Counting) -> None:
    """Where the limits are 0 everybody is let in without a statement."""
    limiter = RateLimiter(counting, FREE)

    assert [await limiter.admit(key()), await limiter.admit_address("a")] == [None, None]
    assert counting.statements == 0


async def test_two_processes_together_keep_the_limit(database: Database, counting: Counting) -> None:
    """Many requests at once in two processes: together they are let in as often as one would be, and never more."""
    limits = RateLimits(per_key=600)
    began, who = time.monotonic(), key()
    processes = itertools.cycle([RateLimiter(database, limits), RateLimiter(counting, limits)])
    refused = 0
    admitted = 0
    for _ in range(10):
        standings = await asyncio.gather(*(next(processes).admit(who) for _ in range(100)))
        refused += sum(waits(standings))
        admitted = admitted + len(standings) - sum(waits(standings))

    assert 590 <= admitted <= 600 + 10 * (time.monotonic() - began)
    assert refused == 1000 - admitted


async def test_a_busy_process_seldom_asks(counting: Counting) -> None:
    """One after the other, thousands of requests take a few statements."""
    limiter, who = RateLimiter(counting, RateLimits()), key()
    for _ in range(5000):
        assert (await limiter.admit(who)) is not None

    assert counting.statements < 100


async def test_who_waits_together_asks_together(counting: Counting) -> None:
    """A hundred first requests of as many keys at once take two statements."""
    limiter = RateLimiter(counting, RateLimits())
    await asyncio.gather(*(limiter.admit(key()) for _ in range(100)))

    assert counting.statements <= 2


async def test_who_is_refused_is_not_asked_about_again(counting: Counting) -> None:
    """A flood above the limit costs no statements: it is known for how long there is nothing."""
    limiter, who = RateLimiter(counting, RateLimits(per_key=5)), key()
    for _ in range(1000):
        await limiter.admit(who)

    assert counting.statements <= 6


async def test_only_so_many_buckets_are_remembered(database: Database) -> None:
    """The oldest is forgotten, and with it only what was held ahead: the limit is kept by the database."""
    limiter = RateLimiter(database, RateLimits(per_key=2, per_organization=0), most=3)
    who = key()
    standings = [await limiter.admit(asked) for asked in (who, key(), key(), key(), who, key(), key(), key(), who)]

    assert waits(standings) == [False] * 8 + [True]


async def test_a_database_that_is_away_is_everybodys_error(
    database: Database, database_url: str, server_url: str
) -> None:
    """Nobody is let in uncounted: each request gets the error, and the limiter works again when the database does."""
    limiter = RateLimiter(database, RateLimits())
    refuse_connections(server_url, database_url, refuse=True)
    try:
        end_connections(server_url, database_url)
        errors = await asyncio.gather(*(limiter.admit(key()) for _ in range(3)), return_exceptions=True)
    finally:
        refuse_connections(server_url, database_url, refuse=False)
    await until_back(database)

    assert [type(error) for error in errors] == [DatabaseUnavailable] * 3
    assert len({id(error) for error in errors}) == 3
    assert await limiter.admit(key()) is not None
