from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from fairlead.runtime.collector import settle_in


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _unsettled() -> Iterator[None]:
    """Leave the collector as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_there_is_not_walked_again() -> None:
    """Everything made before is out of the collector's sight, and what is made after is still collected."""
    kept = [_Cycle() for _ in range(100)]
    settle_in()
    assert gc.get_freeze_count() > len(kept)
    assert not any(isinstance(one, _Cycle) for one in gc.get_objects())

    gone = weakref.ref(_Cycle())
    gc.collect()
    assert gone() is None
