"""Admission: at most so many at once, and of one organization a little less than all.

So whoever fills a process with work of one organization, or has it wait for rows that somebody holds locked, leaves
room for the others. Those who wait are let in in the order in which they came, of an organization that has all it may
after one of its own has left. Small numbers are not divided, nor is what is of no organization or of all.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

_KEPT: Final = 5  # of so many places one is not for who has all the others


@dataclass(slots=True)
class _Own:
    """The places that one organization may have, and how many are in or wait."""

    places: asyncio.Semaphore
    users: int = 0


class Admission:
    """Lets in at most `size`; `organization_id` '' is nobody's work, or everybody's."""

    def __init__(self, size: int) -> None:
        self._places = asyncio.Semaphore(size)
        self._most_of_one = size - size // _KEPT
        self._divided = self._most_of_one < size
        self._own: dict[str, _Own] = {}

    def is_open(self, organization_id: str) -> bool:
        """Tell whether `enter` would not have to wait."""
        own = self._own.get(organization_id)
        return not self._places.locked() and (own is None or not own.places.locked())

    async def enter(self, organization_id: str) -> None:
        """Wait for a place; it has to be left."""
        own = self._of(organization_id)
        if own is None:
            await self._places.acquire()
            return
        try:
            await own.places.acquire()
            try:
                await self._places.acquire()
            except BaseException:
                own.places.release()
                raise
        except BaseException:
            self._forget(organization_id)
            raise

    def leave(self, organization_id: str) -> None:
        """Leave a place that was entered for that organization."""
        self._places.release()
        if own := self._own.get(organization_id):
            own.places.release()
            self._forget(organization_id)

    def _of(self, organization_id: str) -> _Own | None:
        if not organization_id or not self._divided:
            return None
        own = self._own.get(organization_id)
        if own is None:
            own = self._own[organization_id] = _Own(asyncio.Semaphore(self._most_of_one))
        own.users += 1
        return own

    def _forget(self, organization_id: str) -> None:
        """Have one user less."""
        if own := self._own.get(organization_id):
            own.users -= 1
            if not own.users:
                del self._own[organization_id]
