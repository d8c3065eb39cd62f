from __future__ import annotations

import pytest
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.maintenance.duty import duty
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop

pytestmark = pytest.mark.anyio

_DUE = "update duties set due_at = statement_timestamp()"


class Work:
    """Work of a few pieces, and how many were done."""

    def __init__(self, pieces: int = 1) -> None:
        self.pieces = pieces
        self.done = 0

    async def __call__(self) -> bool:
        """Do a piece."""
        self.done += 1
        return self.done < self.pieces


def _loop(database: Database, work: Work) -> Loop:
    return duty(database, "sweep", work, seconds=3600)


async def test_one_process_does_it(database: Database) -> None:
    """Of two processes that are woken one does the work, and the other goes back to sleep."""
    first, second = Work(), Work()
    assert await _loop(database, first)._turn() == ASLEEP_SECONDS
    assert await _loop(database, second)._turn() == ASLEEP_SECONDS
    assert (first.done, second.done) == (1, 0)


async def test_work_goes_on_until_nothing_is_left(database: Database) -> None:
    """Who has the duty does piece after piece, each a turn, with a rest as long as the piece took."""
    work = Work(3)
    loop = _loop(database, work)
    waits = [await loop._turn() for _ in range(3)]
    assert work.done == 3
    assert waits[2] == ASLEEP_SECONDS
    assert all(0 <= wait < ASLEEP_SECONDS for wait in waits[:2])


async def test_dear_work_is_done_seldom(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that took long is not begun again by the same process before it has rested for its share of the time."""
    monkeypatch.setattr("fairlead.maintenance.duty.SHARE", 1e-9)
    work = Work()
    loop = _loop(database, work)
    await loop._turn()
    await tell(database, _DUE)
    assert await loop._turn() == ASLEEP_SECONDS
    assert work.done == 1
