from __future__ import annotations

import pytest

from fairlead.toolkit.doctor.phrases import how_long, how_many, how_much


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (119, "119 s"), (120, "2 minutes"), (5400, "90 minutes"), (259_200, "3 days")]
)
def test_how_long(seconds: float, said: str) -> None:
    """A time is said in the largest unit of which there are two."""
    assert how_long(seconds) == said


@pytest.mark.parametrize(("size", "said"), [(7, "7 B"), (8192, "8 kB"), (3 << 30, "3 GB"), (5 << 40, "5 TB")])
def test_how_much(size: float, said: str) -> None:
    """A size is said in the largest unit of which there is one."""
    assert how_much(size) == said


def test_how_many() -> None:
    """One is one, and many are grouped by thousands."""
    assert [how_many(1, "item"), how_many(0, "item"), how_many(12_000, "item")] == ["1 item", "0 items", "12,000 items"]
