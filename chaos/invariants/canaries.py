"""I9: whatever happens, an organization's data is seen in that organization only. And logs tell of no defects."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.canary import canary_of
from chaos.history import History
from chaos.verdict import Violation


def canaries_at_home(history: History) -> Iterator[Violation]:
    """Every payload a handler was given, every result kept and no line of a log carries the canary of its own."""
    seed = history.expected.seed
    for event in history.of("handle", "invoke"):
        if event.data["canary"] != canary_of(event.data["organization_id"], seed=seed):
            yield Violation("I9", f"a handler got a foreign payload with {event.lease}")
    for row in history.rows:
        own = canary_of(row.organization_id, seed=seed)
        if row.canary != own or row.result_canary not in {None, own}:
            yield Violation("I9", f"item {row.id} carries a foreign payload or result")
    for event in history.of("leak"):
        yield Violation("I9", f"a payload is in a log: {event.data['place']}")


def no_defects(history: History) -> Iterator[Violation]:
    """No worker has logged an error, which is what it does when it meets one that it does not know."""
    for event in history.of("defect"):
        yield Violation("log", f"{event.data['count']} errors in {event.data['place']}: {event.data['first']}")
