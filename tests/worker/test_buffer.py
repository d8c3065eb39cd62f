from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.held import make_held

from fairlead.worker.buffer import Buffer
from fairlead.worker.held import Held


def _held(organization_id: str, *, weight: int = 1, number: int = 0) -> Held:
    return make_held(organization_id=organization_id, seq=number, weight=weight)


def _filled(*organizations: str, weights: dict[str, int] | None = None) -> Buffer:
    buffer = Buffer()
    for number, name in enumerate(organizations):
        buffer.put(_held(name, weight=(weights or {}).get(name, 1), number=number))
    return buffer


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=60))
def test_everything_comes_out_once_and_in_its_organizations_order(names: list[str]) -> None:
    """What was put in comes out, each item once, those of an organization in the order in which they came."""
    buffer = _filled(*names)
    taken = [buffer.take().claimed for _ in range(len(buffer))]

    assert len(buffer) == 0
    for name in "abc":
        numbers = [item.seq for item in taken if item.organization_id == name]
        assert numbers == [number for number, own in enumerate(names) if own == name]


def test_a_quiet_organization_does_not_wait_behind_a_busy_one() -> None:
    """An item of an organization of which none was waiting is the next or the one after it, however many are before."""
    buffer = _filled(*["busy"] * 1000)
    for _ in range(100):
        buffer.take()
    buffer.put(_held("quiet"))

    assert "quiet" in {buffer.take().claimed.organization_id for _ in range(2)}


def test_weights_are_shares() -> None:
    """While all have items waiting, organizations of weight 1, 2 and 4 are handed out as 1 : 2 : 4."""
    weights = {"a": 1, "b": 2, "c": 4}
    buffer = _filled(*[name for name in weights for _ in range(400)], weights=weights)
    got = Counter(buffer.take().claimed.organization_id for _ in range(700))

    assert [got[name] for name in weights] == [100, 200, 400]


def test_what_it_holds() -> None:
    """It tells whether an organization has anything waiting, and empties at once."""
    buffer = _filled("a", "b", "b")
    assert [buffer.holds(name) for name in "abc"] == [True, True, False]

    assert len(buffer.take_all()) == 3
    assert len(buffer) == 0
    assert not buffer.holds("a")
