from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.held import make_held

from fairlead.engine.claim import WHOLE, ClaimedItem, Walk
from fairlead.queries.ready_sources import ReadyQueue
from fairlead.worker.known import (
    FORGOTTEN_SECONDS,
    PORTIONS,
    RATE_SLICES,
    RULES_SECONDS,
    SWEEP_SECONDS,
    Asked,
    KnownQueues,
)

NOW = 1000.0


def _queue(organization: str, queue: str, *, weight: int = 1) -> ReadyQueue:
    return ReadyQueue(organization, queue, "work", weight=weight, limited=False)


def _known(*queues: ReadyQueue) -> KnownQueues:
    known = KnownQueues()
    known.learn(queues, now=NOW)
    return known


def _items(asked: list[Asked], **given: int) -> list[ClaimedItem]:
    """Return what a claim gave: as much as was asked for, unless `given` says so of a queue."""
    return [
        make_held(organization_id=one.source.organization_id, queue_id=one.source.queue_id, seq=seq + 1).claimed
        for one in asked
        for seq in range(min(one.take, given.get(one.source.queue_id, one.take)))
    ]


def _turn(known: KnownQueues, room: int, *, now: float = NOW, **given: int) -> Counter[str]:
    """Ask once and take in what came; return it by organization and by queue."""
    asked = known.share(room, now=now)
    items = _items(asked, **given)
    known.settle(asked, items, began=now, ended=now)
    return Counter(item.organization_id for item in items) + Counter(item.queue_id for item in items)


_SETS = st.dictionaries(st.sampled_from("ABCDEF"), st.tuples(st.integers(1, 5), st.integers(1, 4)), min_size=1)


@settings(deadline=None)
@given(_SETS, st.integers(1, 300), st.integers(5, 40))
def test_shares_follow_weights(organizations: dict[str, tuple[int, int]], room: int, turns: int) -> None:
    """While all have enough, each gets its weight's share, within a portion or so; the room is always filled."""
    known = _known(
        *(
            _queue(name, f"{name}{number}".lower(), weight=weight)
            for name, (weight, count) in organizations.items()
            for number in range(count)
        )
    )
    got: Counter[str] = Counter()
    for _ in range(turns):
        got += _turn(known, room)
    total, weights = room * turns, sum(weight for weight, _ in organizations.values())
    portion = max(1, room // PORTIONS)

    assert sum(got[name] for name in organizations) == total
    for name, (weight, _) in organizations.items():
        assert abs(got[name] - total * weight / weights) <= portion * (weight + 1)


@settings(deadline=None)
@given(st.integers(2, 30), st.integers(1, 50))
def test_queues_of_an_organization_have_equal_turns(count: int, room: int) -> None:
    """However little room there is, the queues of an organization get the same, within a portion."""
    known = _known(*(_queue("A", f"q{number}") for number in range(count)))
    got: Counter[str] = Counter()
    for _ in range(3 * count):
        got += _turn(known, room)
    each = [got[f"q{number}"] for number in range(count)]

    assert max(each) - min(each) <= 2 * max(1, room // PORTIONS)


def test_what_one_does_not_take_goes_to_the_others() -> None:
    """An organization that has little gets it; the next claim has all the room for the others, and nobody owes it."""
    known = _known(_queue("A", "a"), _queue("B", "b"))
    assert _turn(known, 40, a=3)["B"] == 20
    assert _turn(known, 40)["B"] == 40


def test_nobody_saves_up_turns() -> None:
    """An organization that was idle for long gets its share from then on, not what it did not use."""
    known = _known(_queue("A", "a"), _queue("B", "b"))
    _turn(known, 40, a=0)
    for _ in range(50):
        _turn(known, 40)
    known.announce("a", now=NOW)

    got = _turn(known, 40)
    assert (got["A"], got["B"]) == pytest.approx((20, 20), abs=1)


def test_a_queue_that_came_short_rests_until_there_is_news() -> None:
    """Nothing is asked of an empty queue until it is announced."""
    known = _known(_queue("A", "a"))
    _turn(known, 40, a=5)
    assert known.is_idle
    assert known.share(40, now=NOW) == []

    assert known.announce("a", now=NOW)
    assert [one.take for one in known.share(40, now=NOW)] == [40]
    assert not known.announce("b", now=NOW)
    assert known.stale == {"b"}


def test_a_claim_starts_above_the_marks_between_sweeps() -> None:
    """A queue that gives all is asked above its mark, and from its head as often as it has to be swept."""
    known = _known(_queue("A", "a"))
    first, second, third = (_walks(known, now) for now in (NOW, NOW + SWEEP_SECONDS / 2, NOW + 2 * SWEEP_SECONDS))

    assert first == WHOLE
    assert [walk.above for walk in second] == [0, 40, 0]
    assert third == WHOLE


def _walks(known: KnownQueues, now: float) -> Sequence[Walk]:
    asked = known.share(40, now=now)
    walks = asked[0].source.walks
    known.settle(asked, _items(asked), began=now, ended=now)
    return walks


def test_a_dry_queue_waits_for_its_sweep() -> None:
    """Above its mark a queue gave too little: before it rests it is swept, as soon as that may be, and not before."""
    known = _known(_queue("A", "a"))
    _turn(known, 40)
    known.sweeps.next = NOW + 1
    _turn(known, 40, a=5)
    assert not known.is_idle
    assert known.share(40, now=NOW + 0.5) == []

    [asked] = known.share(40, now=NOW + 1)
    assert asked.source.walks == WHOLE


def test_news_during_a_claim_outlives_it() -> None:
    """A queue announced while a claim was under way does not rest though the claim gave nothing."""
    known = _known(_queue("A", "a"))
    asked = known.share(40, now=NOW)
    known.announce("a", now=NOW)
    known.settle(asked, [], began=NOW, ended=NOW)

    assert not known.is_idle


def test_a_rate_is_asked_again_when_it_may_give_more() -> None:
    """A queue that gave all its rate allows is asked again a slice later, for a period after it gave the last."""
    queue = ReadyQueue("A", "a", "work", limited=True, rate_period_seconds=RATE_SLICES)
    known = _known(queue)
    _turn(known, 40, a=5)
    assert known.is_idle
    assert known.next_chance(NOW) == 1
    for after in range(1, RATE_SLICES + 1):
        _turn(known, 40, now=NOW + after, a=0)

    assert _turn(known, 40, now=NOW + RATE_SLICES + 1, a=0) == Counter()
    assert known.next_chance(NOW + 100) is None


def test_only_those_who_take_part_are_asked() -> None:
    """Room that is kept for some organizations is not given to others."""
    known = _known(_queue("A", "a"), _queue("B", "b"))

    assert [one.source.queue_id for one in known.share(5, now=NOW, among=lambda name: name == "B")] == ["b"]


def test_old_rules_are_read_again() -> None:
    """A queue whose rules are older than they may be is still asked, and its rules are wanted."""
    known = _known(_queue("A", "a", weight=1))
    known.share(5, now=NOW + RULES_SECONDS)
    assert known.stale == set()
    assert known.share(5, now=NOW + RULES_SECONDS + 1)

    assert known.stale == {"a"}


def test_the_useless_is_forgotten() -> None:
    """A queue that is gone is not asked again; one that was of no use for long is forgotten, an active one never."""
    known = _known(_queue("A", "a"), _queue("B", "b"), _queue("C", "c"))
    known.forget(["c", "unheard of"])
    _turn(known, 40, a=0)
    known.forget_unused(now=NOW + FORGOTTEN_SECONDS + 1)

    assert not known.announce("a", now=NOW)
    assert known.announce("b", now=NOW)
    assert not known.announce("c", now=NOW)


@pytest.mark.parametrize("count", [1000])
def test_a_claim_asks_few(count: int) -> None:
    """Among a thousand organizations one claim asks no more than so many, and the next ones all the others."""
    known = _known(*(_queue(f"O{number}", f"q{number}") for number in range(count)))
    seen: Counter[str] = Counter()
    for _ in range(count // PORTIONS):
        asked = known.share(800, now=NOW)
        assert len(asked) == PORTIONS
        seen.update(one.source.queue_id for one in asked)

    assert set(seen.values()) == {1}
    assert len(seen) == count
