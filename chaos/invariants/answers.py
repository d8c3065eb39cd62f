"""I3 and I4 as those outside saw them: what holders were told, and what handlers were given, is what was committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from chaos.history import History
from chaos.verdict import Violation

_LEADS_TO: Final = {
    "complete": {"completed"},
    "fail": {"waiting", "failed"},
    "release": {"waiting"},
    "snooze": {"waiting"},
    "renew": {"processing"},
}


def accepted_is_committed(history: History) -> Iterator[Violation]:
    """Each outcome that was accepted changed its item while that very lease was good."""
    committed = {
        (change.id, change.before.claims, change.after.status)
        for change in history.changes
        if change.before is not None and change.after is not None and change.in_time
    }
    for verb, statuses in _LEADS_TO.items():
        for event in history.of(verb, "ok"):
            if not any((*event.lease, status) in committed for status in statuses):
                yield Violation("I3", f"the {verb} of {event.lease} was accepted, but its lease was not good")


def refused_is_not_committed(history: History) -> Iterator[Violation]:
    """Each completion that was refused changed nothing."""
    said = {event.lease for event in history.of("complete", "ok", "info")}
    said |= {event.lease for event in history.of("handle", "ok")}
    completed = {
        (change.id, change.before.claims)
        for change in history.changes
        if change.before is not None and change.move == ("processing", "completed")
    }
    for event in history.of("complete", "fail"):
        if event.lease in completed - said:
            yield Violation("I3", f"the completion of {event.lease} was refused, and happened")


def one_completion(history: History) -> Iterator[Violation]:
    """An item is completed once, unless somebody asked for it to be retried."""
    again = history.asked("retry")
    for item_id, changes in history.changes_of.items():
        count = sum(change.move[1] == "completed" for change in changes)
        if count > 1 and item_id not in again:
            yield Violation("I3", f"item {item_id} was completed {count} times")


def one_run_a_lease(history: History) -> Iterator[Violation]:
    """A handler runs only under a lease that was granted, and under each at most once."""
    granted = {
        (change.id, change.after.claims)
        for change in history.changes
        if change.after is not None and change.move == ("waiting", "processing")
    }
    for lease, count in Counter(event.lease for event in history.of("handle", "invoke")).items():
        if count > 1:
            yield Violation("I4", f"the lease {lease} was worked {count} times")
        if lease not in granted:
            yield Violation("I4", f"a handler ran under the lease {lease}, which was never granted")
