"""The life of an item as data: which verb leads from which status to which.

The engine's statements and the documentation are tested against this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ItemStatus(StrEnum):
    """Where an item stands. An item for later is still `waiting`."""

    WAITING = "waiting"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE = frozenset({ItemStatus.WAITING, ItemStatus.PROCESSING})
FINISHED = frozenset({ItemStatus.COMPLETED, ItemStatus.FAILED, ItemStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the life cycle; making an item has no `sources`, removing it no `targets`."""

    verb: str
    sources: frozenset[ItemStatus]
    targets: frozenset[ItemStatus]


def _transition(verb: str, sources: set[ItemStatus], targets: set[ItemStatus]) -> Transition:
    return Transition(verb, frozenset(sources), frozenset(targets))


_W, _P = ItemStatus.WAITING, ItemStatus.PROCESSING
_C, _F, _X = ItemStatus.COMPLETED, ItemStatus.FAILED, ItemStatus.CANCELLED

TRANSITIONS = (
    _transition("enqueue", set(), {_W}),
    _transition("update", {_W}, {_W}),
    _transition("claim", {_W}, {_P}),
    _transition("renew", {_P}, {_P}),
    _transition("complete", {_P}, {_C}),
    _transition("fail", {_P}, {_W, _F}),
    _transition("snooze", {_P}, {_W}),
    _transition("release", {_P}, {_W}),
    _transition("rescue", {_P}, {_W, _F, _X}),
    _transition("cancel", {_W, _P}, {_X, _P}),
    _transition("end_cancelled", {_P}, {_X}),
    _transition("retry", {_F, _X, _C}, {_W}),
    _transition("delete", {_W, _C, _F, _X}, set()),
)
