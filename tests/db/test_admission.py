from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from anyio.lowlevel import checkpoint

from fairlead.db.admission import Admission

pytestmark = pytest.mark.anyio


async def _settle() -> None:
    for _ in range(5):
        await checkpoint()


class Visits:
    """Who is in, and who came in after whom; each stays until told to leave."""

    def __init__(self, size: int) -> None:
        self.admission = Admission(size)
        self.inside: Counter[str] = Counter()
        self.order: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, *organizations: str) -> None:
        """Let somebody ask for a place for each of these."""
        for organization_id in organizations:
            self.tasks.append(asyncio.create_task(self._enter(organization_id)))
        await _settle()

    async def _enter(self, organization_id: str) -> None:
        await self.admission.enter(organization_id)
        self.inside[organization_id] += 1
        self.order.append(organization_id)

    async def go(self, organization_id: str) -> None:
        """Let one of that organization leave."""
        self.inside[organization_id] -= 1
        self.admission.leave(organization_id)
        await _settle()


async def test_one_organization_never_has_all() -> None:
    """Of ten places one organization gets eight, however many ask, and another one comes in at once."""
    visits = Visits(10)
    await visits.come(*["a"] * 30)
    assert visits.inside == {"a": 8}
    assert not visits.admission.is_open("a")
    assert visits.admission.is_open("b")

    await visits.come("b", "")
    assert visits.inside == {"a": 8, "b": 1, "": 1}

    await visits.come("b")
    assert visits.inside["b"] == 1
    await visits.go("a")
    assert visits.inside == {"a": 7, "b": 2, "": 1}


async def test_who_came_first_comes_in_first() -> None:
    """Whoever waits is let in in order, and who gave up leaves no place behind."""
    visits = Visits(1)
    await visits.come("a", "b", "c", "d")
    visits.tasks[2].cancel()
    for organization_id in ("a", "b"):
        await visits.go(organization_id)
    assert visits.order == ["a", "b", "d"]
    await visits.go("d")
    assert visits.admission.is_open("c")


@pytest.mark.parametrize("size", [1, 2, 4])
async def test_small_numbers_are_not_divided(size: int) -> None:
    """Where there are few places an organization may have all of them."""
    visits = Visits(size)
    await visits.come(*["a"] * 9)
    assert visits.inside == {"a": size}


async def test_everybodys_work_has_all_places() -> None:
    """What is of no organization, or of all, is not held back."""
    visits = Visits(10)
    await visits.come(*[""] * 30)
    assert visits.inside == {"": 10}


async def test_nothing_is_kept_of_who_left() -> None:
    """An organization that has left, or has given up waiting, is forgotten, with all its places free."""
    visits = Visits(5)
    for _ in range(3):
        await visits.come(*["a"] * 7)
        assert visits.inside["a"] == 4
        for task in visits.tasks:
            task.cancel()
        await _settle()
        for _ in range(4):
            await visits.go("a")
    assert visits.admission._own == {}
