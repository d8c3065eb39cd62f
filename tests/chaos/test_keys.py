from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from chaos.checker import check
from chaos.history import Change, Event, Expected, History, State
from chaos.invariants.keys import limits_kept, order_of_keys, unique_keys, unique_periods
from tests.chaos.histories import COMPLETED, GOOD, HELD, QUEUE, WAITING, change, event, moves


def _two(one: list[Change], other: list[Change], events: list[Event] | None = None) -> History:
    changes = sorted([*one, *other], key=lambda entry: entry.number)
    return History(events or [], changes, [], Expected(limits={QUEUE: 1}))


def _with(state: State, **values: Any) -> State:
    return replace(state, **values)


@pytest.mark.parametrize("hold", ["active", "waiting"])
def test_two_holders_of_a_unique_key_are_found(hold: str) -> None:
    """No second item enters with a key that another one holds."""
    waiting = _with(WAITING, unique_key="key", unique_while=hold)
    history = _two([change(1, 1.0, None, waiting, item="a")], [change(2, 2.0, None, waiting, item="b")])
    assert [violation.invariant for violation in unique_keys(history)] == ["I7"]


def test_a_unique_key_is_free_when_its_holder_has_ended() -> None:
    """A key held while active may be used again after the end; one held while waiting, after the first claim."""
    for hold, last in (("active", COMPLETED), ("waiting", HELD)):
        states = [_with(state, unique_key="key", unique_while=hold) for state in (WAITING, HELD, COMPLETED)]
        steps = [(float(number), state) for number, state in enumerate(states, 1)]
        used = steps[: [state.status for state in states].index(last.status) + 1]
        history = _two(moves(*used, item="a"), [change(9, 9.0, None, states[0], item="b")])
        assert list(unique_keys(history)) == []


def test_a_key_that_is_still_held_while_processing_is_found() -> None:
    """A key held while active is held under a lease too."""
    states = [_with(state, unique_key="key", unique_while="active") for state in (WAITING, HELD)]
    history = _two(moves((1.0, states[0]), (2.0, states[1]), item="a"), [change(9, 9.0, None, states[0], item="b")])
    assert [violation.invariant for violation in unique_keys(history)] == ["I7"]


@pytest.mark.parametrize(("second", "found"), [(5.0, ["I7"]), (12.0, [])])
def test_two_items_of_one_key_within_its_period_are_found(second: float, found: list[str]) -> None:
    """A key that is unique for ten seconds makes one item in them."""
    waiting = _with(WAITING, unique_key="key")
    asked = [event("invoke", "enqueue", tokens=[], organization_id="o", unique_key="key", unique_seconds=10)]
    history = _two(
        [change(1, 1.0, None, waiting, item="a")], [change(2, second, None, waiting, item="b")], events=asked
    )
    assert [violation.invariant for violation in unique_periods(history)] == found


def test_an_item_that_overtakes_its_key_is_found() -> None:
    """An item of an ordering key is granted when all before it have ended, and not while one waits or is worked on."""
    waiting, held, done = (_with(state, ordering_key="key") for state in (WAITING, HELD, COMPLETED))
    first = [change(1, 1.0, None, waiting, item="a")]
    second = [change(2, 2.0, None, waiting, item="b"), change(4, 4.0, waiting, held, item="b")]
    assert [violation.invariant for violation in order_of_keys(_two(first, second))] == ["I8"]
    first += [change(3, 3.0, waiting, held, item="a")]
    assert [violation.invariant for violation in order_of_keys(_two(first, second))] == ["I8"]
    in_order = [*first[:1], change(3, 3.0, waiting, done, item="a")]
    assert list(order_of_keys(_two(in_order, second))) == []


def test_an_item_of_another_key_may_go_first() -> None:
    """Ordering keys have nothing to do with each other."""
    one, other = (_with(WAITING, ordering_key=key) for key in ("one", "other"))
    second = [change(2, 2.0, None, other, item="b"), change(3, 3.0, other, _with(HELD, ordering_key="other"), item="b")]
    assert list(order_of_keys(_two([change(1, 1.0, None, one, item="a")], second))) == []


def test_a_limit_that_is_exceeded_is_found() -> None:
    """Of a queue limited to one item, two are never under a lease."""
    one = moves((1.0, WAITING), (2.0, HELD), item="a")
    other = moves((1.0, WAITING), (3.0, HELD), item="b", first=3)
    assert [violation.invariant for violation in limits_kept(_two(one, other))] == ["limit"]
    one += [change(3, 2.5, HELD, COMPLETED, item="a")]
    other = moves((1.0, WAITING), (3.0, HELD), item="b", first=4)
    assert list(limits_kept(_two(one, other))) == []


def test_the_checker_asks_all_of_them() -> None:
    """Keys and limits are among what every run is checked for."""
    waiting = _with(WAITING, unique_key="key", unique_while="active", ordering_key="key")
    held = _with(HELD, unique_key="key", unique_while="active", ordering_key="key")
    one = moves((1.0, waiting), (2.0, held), item="a")
    other = moves((1.0, waiting), (3.0, held), item="b", first=3)
    history = replace(GOOD, changes=[*one, *other], expected=Expected(limits={QUEUE: 1}))
    assert {"I7", "I8", "limit"} <= {violation.invariant for violation in check(history)}
