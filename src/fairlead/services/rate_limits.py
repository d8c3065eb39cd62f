"""Rate limits of API keys, organizations and addresses, kept for all processes together.

Whoever is let in uses a token of each of their buckets. Tokens come from `db/buckets.py`; a process that is busy takes
a few ahead (`domain/rate_limits.py`), so that few requests wait for the database, and those that wait at the same time
wait for one statement. Whom a bucket refused is refused without asking until it has something again.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable
from typing import Final

from fairlead.db.buckets import draw_tokens
from fairlead.db.session import Database
from fairlead.db.tenancy import SystemScope, system
from fairlead.domain.budgets import Take, bucket_name
from fairlead.domain.rate_limits import RateLimits, Standing, Stock
from fairlead.services.access import Principal

_MOST: Final = 10_000
_SCOPE: Final[SystemScope] = system("count the requests of everybody")


class RateLimiter:
    """The limits of one process; at most `most` buckets are remembered. `clock` only goes forward, in seconds."""

    def __init__(
        self,
        database: Database,
        limits: RateLimits,
        *,
        most: int = _MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._limits = limits
        self._most = most
        self._clock = clock
        self._stocks: dict[tuple[str, str], Stock] = {}  # the oldest first
        self._short: dict[str, Stock] = {}
        self._round: asyncio.Future[Exception | None] | None = None
        self._asking: asyncio.Task[None] | None = None

    async def admit_address(self, address: str) -> Standing | None:
        """Count a request by where it comes from; return whether it is let in. None: there is no limit."""
        return await self._admit([self._stock("address", address, self._limits.per_address)])

    async def admit(self, principal: Principal) -> Standing | None:
        """Count a request by its API key and its organization; return as `admit_address` does."""
        key_id, limits = principal.api_key_id, self._limits
        by_key = None if key_id is None else self._stock("key", key_id, limits.per_key)
        by_organization = self._stock("organization", principal.organization_id, limits.per_organization)
        return await self._admit([by_key, by_organization])

    async def _admit(self, limited: list[Stock | None]) -> Standing | None:
        stocks = [stock for stock in limited if stock is not None]
        while missing := [stock for stock in stocks if not stock.has_token(self._clock())]:
            now = self._clock()
            slowest = max(missing, key=lambda stock: stock.wait_seconds(now))
            if slowest.wait_seconds(now):
                return slowest.refusal(now)
            await self._refilled(missing)
        for stock in stocks:
            stock.use()
        now = self._clock()
        return min((stock.standing(now) for stock in stocks), key=lambda standing: standing.left, default=None)

    def _stock(self, kind: str, whose: str, limit: int) -> Stock | None:
        if not limit:
            return None
        stock = self._stocks.get((kind, whose))
        if stock is None:
            stock = self._stocks[kind, whose] = Stock(bucket_name("rate", kind, whose), limit=limit)
            if len(self._stocks) > self._most:
                del self._stocks[next(iter(self._stocks))]
        return stock

    async def _refilled(self, missing: list[Stock]) -> None:
        """Wait for a statement that has not begun yet to bring tokens."""
        for stock in missing:
            stock.asking += 1
            self._short[stock.name] = stock
        if self._round is None:
            self._round = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="rate_limits")
        if (error := await asyncio.shield(self._round)) is not None:
            raise copy.copy(error) from error

    async def _ask(self) -> None:
        """Bring tokens to everybody who waits, together, until nobody does."""
        try:
            while self._round is not None:
                stocks, self._short = list(self._short.values()), {}
                answer, self._round = self._round, None
                try:
                    await self._fill(stocks)
                except Exception as error:  # noqa: BLE001 - it is the callers', whatever it is
                    answer.set_result(error)
                else:
                    answer.set_result(None)
        finally:
            self._asking = None

    async def _fill(self, stocks: list[Stock]) -> None:
        asked_at = self._clock()
        takes = [Take(stock.name, stock.bucket, stock.wanted(asked_at)) for stock in stocks]
        drawn = await draw_tokens(self._database.alone(_SCOPE), _SCOPE, takes=takes)
        now = self._clock()
        for stock, take, gave in zip(stocks, takes, drawn, strict=True):
            stock.filled(gave.tokens, wanted=take.tokens, full_in_seconds=gave.full_in_seconds, now=now)
