"""Rate limits: how many requests somebody may make, and the part of that which a process holds for them.

A limit of so many requests a minute is a bucket that holds as many and fills evenly. A process that is asked often
takes tokens for the next half second in one go. What it does not use by then is lost: a token that could be used at any
later time would come on top of a bucket that has filled up meanwhile. The bucket is smaller by what half a second
refills, so that in any stretch of time no more requests are let in than the limit and what it refills in that time,
however many processes there are. A limit below 120 is taken from one by one, exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from fairlead.domain.budgets import Bucket

HOLD_SECONDS: Final = 0.5
_AT_LEAST_SECONDS: Final = 0.05  # for those who waited, however long the answer took
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How many requests a minute one API key, one organization and one address may make; 0: as many as they like."""

    per_key: int = 120_000
    per_organization: int = 240_000
    per_address: int = 120_000


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands: of `limit` requests `remaining` are left, and all of them again after `reset_seconds`.

    `wait_seconds`: 0 is for a request that is let in, otherwise it may try again after that.
    """

    limit: int
    remaining: int
    reset_seconds: int
    wait_seconds: int = 0

    @property
    def left(self) -> int:
        """How many requests are left, and less than nothing for who has to wait."""
        return -1 if self.wait_seconds else self.remaining


class Stock:
    """The tokens of one bucket that this process holds, and what it last heard of the rest. All times in seconds."""

    def __init__(self, name: str, *, limit: int) -> None:
        self.name = name
        self.limit = limit
        every_seconds = _MINUTE / limit
        self.most_held = int(HOLD_SECONDS / every_seconds)
        self.bucket = Bucket(limit - self.most_held, every_seconds)
        self.asking = 0  # requests that wait for the next tokens
        self._held = 0
        self._held_until = 0.0
        self._used = 0
        self._asked_at = -math.inf
        self._empty_until = 0.0
        self._full_at = 0.0

    def has_token(self, now: float) -> bool:
        """Tell whether a request can be let in without asking."""
        return self._held > 0 and now < self._held_until

    def use(self) -> None:
        """Let one request in."""
        self._held -= 1
        self._used += 1

    def wait_seconds(self, now: float) -> float:
        """Return how long nobody will get a token, as far as is known."""
        return max(self._empty_until - now, 0.0)

    def wanted(self, now: float) -> int:
        """Return how many tokens to ask for: one for each who waits, and what the next half second will take."""
        passed = now - self._asked_at
        expected = int(self._used * HOLD_SECONDS / max(passed, HOLD_SECONDS / 2))
        asking, self.asking = self.asking, 0
        self._asked_at, self._used = now, 0
        return asking + min(expected, self.most_held)

    def filled(self, tokens: int, *, wanted: int, full_in_seconds: float, now: float) -> None:
        """Take note of what was got, now, of the tokens wanted."""
        self._held, self._held_until = tokens, max(self._asked_at + HOLD_SECONDS, now + _AT_LEAST_SECONDS)
        self._full_at = now + full_in_seconds
        if tokens < wanted:
            every = self.bucket.every_seconds
            self._empty_until = now + max(full_in_seconds - (self.bucket.burst - 1) * every, every / 1000)

    def refusal(self, now: float) -> Standing:
        """Return where whoever's bucket it is stands when nothing is left."""
        return replace(self.standing(now), remaining=0, wait_seconds=math.ceil(self.wait_seconds(now)))

    def standing(self, now: float) -> Standing:
        """Return where whoever's bucket it is stands, as far as is known."""
        full_in = max(self._full_at - now, 0.0)
        elsewhere = max(self.bucket.burst - math.ceil(full_in / self.bucket.every_seconds), 0)
        held = self._held if now < self._held_until else 0
        return Standing(self.limit, min(held + elsewhere, self.limit), math.ceil(full_in))
