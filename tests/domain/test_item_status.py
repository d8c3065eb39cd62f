from __future__ import annotations

import pytest

from fairlead.domain.item_status import FINISHED, LIVE, TRANSITIONS, ItemStatus, Transition


def test_every_status_is_live_or_finished() -> None:
    """A status is either live or finished, never both and never neither."""
    assert frozenset(ItemStatus) == LIVE | FINISHED
    assert frozenset() == LIVE & FINISHED


def test_each_verb_stands_once() -> None:
    """A verb has one line in the life cycle, so that asking for it gives one answer."""
    verbs = [transition.verb for transition in TRANSITIONS]
    assert len(set(verbs)) == len(verbs)


def test_every_status_can_be_reached() -> None:
    """Starting from an item that was just enqueued every status can be reached."""
    reached = {target for transition in TRANSITIONS if not transition.sources for target in transition.targets}
    for _ in ItemStatus:
        reached |= {
            target for transition in TRANSITIONS if transition.sources & reached for target in transition.targets
        }
    assert reached == set(ItemStatus)


def test_only_enqueue_makes_an_item() -> None:
    """Every verb but enqueue starts from an item that is there."""
    assert [transition.verb for transition in TRANSITIONS if not transition.sources] == ["enqueue"]


def test_only_a_retry_leaves_a_finished_status() -> None:
    """What is finished stays finished until somebody asks for a retry, or for it to be no more."""
    assert {transition.verb for transition in TRANSITIONS if transition.sources & FINISHED} == {"retry", "delete"}


def test_what_is_worked_on_cannot_be_taken_away() -> None:
    """An item that somebody holds is neither changed nor deleted under the holder's hands; only that ends an item."""
    ends = {transition.verb: transition.sources for transition in TRANSITIONS if not transition.targets}
    assert ends == {"delete": frozenset(ItemStatus) - {ItemStatus.PROCESSING}}


@pytest.mark.parametrize("transition", TRANSITIONS, ids=lambda transition: transition.verb)
def test_every_verb_leads_somewhere(transition: Transition) -> None:
    """Each verb but deleting has a target, and a verb that finishes an item starts from a live one."""
    assert transition.targets or transition.verb == "delete"
    if transition.targets and transition.targets <= FINISHED:
        assert transition.sources <= LIVE


def test_the_table_is_the_one_of_the_design() -> None:
    """The life cycle, typed out a second time: changing it takes two hands."""
    table = {transition.verb: (sorted(transition.sources), sorted(transition.targets)) for transition in TRANSITIONS}
    assert table == {
        "enqueue": ([], ["waiting"]),
        "update": (["waiting"], ["waiting"]),
        "claim": (["waiting"], ["processing"]),
        "renew": (["processing"], ["processing"]),
        "complete": (["processing"], ["completed"]),
        "fail": (["processing"], ["failed", "waiting"]),
        "snooze": (["processing"], ["waiting"]),
        "release": (["processing"], ["waiting"]),
        "rescue": (["processing"], ["cancelled", "failed", "waiting"]),
        "cancel": (["processing", "waiting"], ["cancelled", "processing"]),
        "end_cancelled": (["processing"], ["cancelled"]),
        "retry": (["cancelled", "completed", "failed"], ["waiting"]),
        "delete": (["cancelled", "completed", "failed", "waiting"], []),
    }
