from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from fairlead.cli.running import run


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """Give the test process its collector back."""
    yield
    gc.unfreeze()


def test_what_start_up_made_is_not_looked_through_again() -> None:
    """A long-running command never stops for the collector to walk the modules it was started with."""
    start_up = [object() for _ in range(3)], {"kept": "for ever"}

    async def work() -> bool:
        return any(kept is start_up for kept in gc.get_objects())

    assert any(kept is start_up for kept in gc.get_objects())
    assert not run(work())
