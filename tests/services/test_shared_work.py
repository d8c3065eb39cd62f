from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead.errors import Busy
from fairlead.services.shared_work import refuse

pytestmark = pytest.mark.anyio


async def test_each_gets_an_error_of_its_own() -> None:
    """What one caller raises is not what another raises, and both say why."""
    first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
    error = Busy("not now")
    for answer in (first, second):
        refuse(answer, error)
    raised = [answer.exception() for answer in (first, second)]
    assert [str(one) for one in raised] == ["not now", "not now"]
    assert all(one is not None and one.__cause__ is error for one in raised)
    assert raised[0] is not raised[1]


async def test_whoever_is_gone_is_not_told() -> None:
    """A caller that was cancelled, or has its answer, is left alone."""
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    answer.cancel()
    refuse(answer, Busy())
    assert answer.cancelled()
