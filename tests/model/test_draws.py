from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from tests.model.draws import AT_RANDOM


def _drawn() -> list[int]:
    drawn: list[int] = []

    @seed(0)
    @settings(max_examples=20, database=None, backend=AT_RANDOM)
    @given(st.lists(st.integers(0, 254), min_size=20, max_size=20))
    def draw(numbers: list[int]) -> None:
        drawn.extend(numbers)

    draw()
    return drawn


def test_a_seed_draws_the_same_whatever_else_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A play can be played again in another process: the numbers in the source of its modules are not drawn from."""
    before = _drawn()
    module = ModuleType("numbers_to_draw")
    module.__file__ = str(tmp_path / "numbers_to_draw.py")
    Path(module.__file__).write_text(f"NUMBERS = {list(range(100, 254))}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert _drawn() == before
