from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from fairlead.domain.budgets import Bucket
from fairlead.domain.rate_limits import HOLD_SECONDS, Standing, Stock


@dataclass
class Shared:
    """The bucket that processes share, as the database keeps it."""

    bucket: Bucket
    full_at: float = 0.0

    def draw(self, stock: Stock, now: float) -> None:
        """Let a process take what it wants of it."""
        wanted, since = stock.wanted(now), max(self.full_at, now)
        there = int(self.bucket.burst - (since - now) / self.bucket.every_seconds + 0.001)
        tokens = max(min(wanted, there), 0)
        self.full_at = since + tokens * self.bucket.every_seconds
        stock.filled(tokens, wanted=wanted, full_in_seconds=self.full_at - now, now=now)


def let_in(shared: Shared, stock: Stock, now: float) -> bool:
    """Let one request in at a process, if it can be."""
    if not stock.has_token(now):
        if stock.wait_seconds(now):
            return False
        stock.asking += 1
        shared.draw(stock, now)
    if not stock.has_token(now):
        return False
    stock.use()
    return True


@pytest.mark.parametrize("limit", [7, 119, 600, 6000])
@pytest.mark.parametrize("seed", range(3))
def test_no_stretch_of_time_has_more_than_the_limit_and_its_refill(limit: int, seed: int) -> None:
    """Whenever requests come to whichever of four processes: between any two of them no more were let in than that."""
    chance = random.Random(seed)  # noqa: S311 - a play that can be repeated, no secret
    stocks = [Stock("one", limit=limit) for _ in range(4)]
    shared, now = Shared(stocks[0].bucket), 0.0
    times: list[float] = []
    while len(times) < 3 * limit:
        now += chance.choice([0, 0, 0.001, 0.01, 0.4, 5, 70]) if chance.random() < 0.05 else 1 / (10 * limit)
        if let_in(shared, chance.choice(stocks), now):
            times.append(now)
    rate = limit / 60

    # The most that came before each one beyond what had been refilled by then, less the least of it.
    beyond = [count - rate * at for count, at in enumerate(times)]
    least = float("inf")
    for passed in beyond:
        least = min(least, passed)
        assert passed + 1 - least <= limit + 0.01


def test_a_small_limit_is_taken_one_by_one() -> None:
    """Where half a second refills nothing, nothing is taken ahead, and the bucket has the whole limit."""
    small, large = Stock("one", limit=119), Stock("one", limit=120_000)

    assert (small.most_held, small.bucket.burst) == (0, 119)
    assert (large.most_held, large.bucket.burst) == (1000, 119_000)


def test_as_many_are_taken_ahead_as_were_used() -> None:
    """A process asks for those who wait, and for as many as it used in the last half second, up to a bound."""
    stock = Stock("one", limit=120_000)
    asked: list[int] = []
    for used in (0, 300, 5000, 0):
        for _ in range(used):
            stock.use()
        stock.asking = 2
        asked.append(stock.wanted(len(asked) * HOLD_SECONDS))

    assert asked == [2, 302, 1002, 2]


def test_what_is_held_cannot_be_used_later() -> None:
    """Half a second after it was asked for nothing of it is left."""
    stock = Stock("one", limit=120_000)
    stock.wanted(10.0)
    stock.filled(5, wanted=5, full_in_seconds=1, now=10.1)

    assert stock.has_token(10.49)
    assert not stock.has_token(10.51)


def test_who_waited_for_a_slow_answer_gets_something() -> None:
    """However long the database took, what it gave can be used for a moment."""
    stock = Stock("one", limit=120_000)
    stock.wanted(10.0)
    stock.filled(5, wanted=5, full_in_seconds=1, now=30.0)

    assert stock.has_token(30.0)


def test_an_empty_bucket_is_known_until_it_has_a_token() -> None:
    """Who got less than was wanted knows when the next token is there."""
    stock = Stock("one", limit=60)
    stock.wanted(10.0)
    stock.filled(0, wanted=3, full_in_seconds=59.5, now=10.0)

    assert stock.wait_seconds(10.0) == pytest.approx(0.5)
    assert stock.refusal(10.0) == Standing(limit=60, remaining=0, reset_seconds=60, wait_seconds=1)
    assert stock.wait_seconds(10.6) == 0
