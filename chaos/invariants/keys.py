"""I7: a unique key is held once. I8: an ordering key's items go one by one, in order. And limits are never exceeded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TypeAlias

from chaos.history import FINISHED, History, State
from chaos.verdict import Violation

_Key: TypeAlias = tuple[str, str, str]


def unique_keys(history: History) -> Iterator[Violation]:
    """No two items hold one unique key of a queue at a time."""
    holders: dict[_Key, dict[str, None]] = defaultdict(dict)
    for change in history.changes:
        state = change.after or change.before
        if state is None or state.unique_key is None or state.unique_while is None:
            continue
        own = holders[change.organization_id, change.queue_id, state.unique_key]
        if not _holds(change.after):
            own.pop(change.id, None)
        elif change.id not in own:
            own[change.id] = None
            if len(own) > 1:
                yield Violation("I7", f"the unique key {state.unique_key!r} is held by {', '.join(own)}")


def _holds(state: State | None) -> bool:
    if state is None or state.status in FINISHED:
        return False
    return state.unique_while == "active" or (state.status == "waiting" and state.claims == 0)


def unique_periods(history: History) -> Iterator[Violation]:
    """A key that is to be unique for a period makes one item in it."""
    seconds = {
        event.data["unique_key"]: event.data["unique_seconds"]
        for event in history.of("enqueue", "invoke")
        if event.data.get("unique_seconds")
    }
    last: dict[_Key, float] = {}
    for change in history.changes:
        if change.before is not None or change.after is None or change.after.unique_key not in seconds:
            continue
        key = (change.organization_id, change.queue_id, str(change.after.unique_key))
        if key in last and change.at < last[key] + seconds[key[2]]:
            yield Violation("I7", f"the unique key {key[2]!r} made two items {change.at - last[key]:.2f} s apart")
        last[key] = change.at


def order_of_keys(history: History) -> Iterator[Violation]:
    """An item with an ordering key is granted only when all that came before it in that key have ended.

    The order is that of the enqueues, so no two producers of a run may share a key.
    """
    lives: dict[_Key, dict[str, None]] = defaultdict(dict)  # in the order of their coming
    for change in history.changes:
        state = change.after or change.before
        if state is None or state.ordering_key is None:
            continue
        live = lives[change.organization_id, change.queue_id, state.ordering_key]
        if change.after is None or change.after.status in FINISHED:
            live.pop(change.id, None)
            continue
        live.setdefault(change.id)
        if change.move == ("waiting", "processing") and (first := next(iter(live))) != change.id:
            yield Violation("I8", f"item {change.id} of the key {state.ordering_key!r} overtook {first}")


def limits_kept(history: History) -> Iterator[Violation]:
    """No more items of a limited queue are under a lease than it allows, in the order of the changes."""
    if not history.expected.limits:
        return
    held: Counter[str] = Counter()
    for change in history.changes:
        was, becomes = (status == "processing" for status in change.move)
        held[change.queue_id] += becomes - was
        limit = history.expected.limits.get(change.queue_id)
        if limit is not None and held[change.queue_id] > limit and change.move == ("waiting", "processing"):
            yield Violation("limit", f"{held[change.queue_id]} items of a queue limited to {limit} at {change.number}")
