"""Whom presented API keys stand for, remembered for a moment, so that a request seldom asks the database.

What is remembered is as old as the beginning of the query that found it, and is forgotten when that is a second ago:
a key that was revoked, rotated or deleted, a member who lost a role, a user or an organization that is gone is noticed
within a second in every process, without a message that could get lost. Keys that are not known are not remembered.

While one query is under way the keys that come wait and are asked about together by the next one. Nobody is answered by
a query that began before they came, unless what it found is still remembered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from fairlead.db.session import Database
from fairlead.db.tenancy import SystemScope, system
from fairlead.domain.api_keys import is_well_formed, key_hash
from fairlead.errors import Unauthenticated
from fairlead.services.access import Principal
from fairlead.services.api_keys import find_principals
from fairlead.services.shared_work import refuse

LIFE_SECONDS: Final = 1.0
_MOST: Final = 10_000
_SCOPE: Final[SystemScope] = system("tell whom API keys stand for")


class _Known(NamedTuple):
    """Whom a key stands for, and until when that is believed."""

    principal: Principal
    until: float


class KeyCache:
    """The keys of one process; at most `most` are remembered. `clock` is any that only goes forward, in seconds."""

    def __init__(
        self,
        database: Database,
        *,
        pepper: bytes,
        life_seconds: float = LIFE_SECONDS,
        most: int = _MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._pepper = pepper
        self._life_seconds = life_seconds
        self._most = most
        self._clock = clock
        self._known: dict[str, _Known] = {}  # the oldest first
        self._waiting: dict[str, asyncio.Future[Principal]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def principal(self, raw: str) -> Principal:
        """Return whom a raw key stands for; raises Unauthenticated as `authenticate` does, for junk without a query."""
        if not is_well_formed(raw):
            raise Unauthenticated
        hashed = key_hash(raw, pepper=self._pepper)
        known = self._known.get(hashed)
        if known is not None and self._clock() < known.until:
            return known.principal
        return await asyncio.shield(self._asked(hashed))

    def _asked(self, hashed: str) -> asyncio.Future[Principal]:
        """Return what will tell whom a key stands for; the query that finds it has not begun yet."""
        if hashed not in self._waiting:
            self._waiting[hashed] = asyncio.get_running_loop().create_future()
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask(), name="key_cache")
        return self._waiting[hashed]

    async def _ask(self) -> None:
        """Answer whoever waits, together, until nobody does."""
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                try:
                    await self._answer(asked)
                except Exception as error:  # noqa: BLE001 - it is the callers', whatever it is
                    for answer in asked.values():
                        refuse(answer, error)
        finally:
            self._asking = None

    async def _answer(self, asked: dict[str, asyncio.Future[Principal]]) -> None:
        now = self._clock()
        known = {
            key: self._known[key].principal for key in asked if key in self._known and now < self._known[key].until
        }
        if unknown := asked.keys() - known.keys():
            async with self._database.unit_of_work(_SCOPE) as session:
                found = await find_principals(session, _SCOPE, key_hashes=unknown)
            self._remember(found, until=now + self._life_seconds)
            known |= found
        for hashed, answer in asked.items():
            if answer.done():
                continue
            if hashed in known:
                answer.set_result(known[hashed])
            else:
                answer.set_exception(Unauthenticated())
                answer.exception()  # whoever asked may be gone, and it is no failure of ours

    def _remember(self, found: dict[str, Principal], *, until: float) -> None:
        for hashed, principal in found.items():
            self._known.pop(hashed, None)
            self._known[hashed] = _Known(principal, until)
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]
