"""I3: the fence. I4: one lease at a time. I5: attempts and claims go up by one and are bounded.

Each change of an item is judged by the status it leads from and to; a move that is not listed is one that nothing of
the product may make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from chaos.history import Change, History, State
from chaos.verdict import Violation

Judge: TypeAlias = Callable[[History, Change, State, State], Iterator[Violation]]
_NONE: Final = State("")


def lawful_changes(history: History) -> Iterator[Violation]:
    """Every committed change of every item is one that the life cycle allows, and follows on the one before."""
    for changes in history.changes_of.values():
        previous: State | None = None
        for change in changes:
            if change.before != previous:
                yield _wrong("I4", change, f"begins with {change.before}, but the item was {previous}")
            yield from _judged(history, change)
            previous = change.after


def _judged(history: History, change: Change) -> Iterator[Violation]:
    judge = _MOVES.get(change.move)
    if judge is None:
        yield _wrong("I4", change, "is no move of the life cycle")
        return
    before, after = change.before or _NONE, change.after or _NONE
    if change.after is not None and after.attempts > after.max_attempts:
        yield _wrong("I5", change, f"leaves {after.attempts} attempts of {after.max_attempts}")
    yield from judge(history, change, before, after)


def _made(_history: History, change: Change, _before: State, after: State) -> Iterator[Violation]:
    if (after.claims, after.attempts) != (0, 0):
        yield _wrong("I5", change, f"makes an item with claims {after.claims}, attempts {after.attempts}")


def _kept(_history: History, change: Change, before: State, after: State) -> Iterator[Violation]:
    if (after.claims, after.attempts) != (before.claims, before.attempts):
        yield _wrong("I5", change, "counts claims or attempts without a claim")


def _granted(_history: History, change: Change, before: State, after: State) -> Iterator[Violation]:
    if after.claims != before.claims + 1 or after.attempts != before.attempts + 1:
        yield _wrong("I5", change, f"goes from {before.claims}/{before.attempts} to {after.claims}/{after.attempts}")
    if after.lease_ends is None or after.lease_ends <= change.at:
        yield _wrong("I4", change, "grants a lease that is over")
    if before.due is not None and change.at < before.due:
        yield _wrong("I4", change, f"is {before.due - change.at:.2f} s before the item is due")


def _renewed(history: History, change: Change, before: State, after: State) -> Iterator[Violation]:
    if after.claims != before.claims:
        yield _wrong("I4", change, f"gives lease {before.claims} to another, {after.claims}, while it was held")
        return
    yield from _kept(history, change, before, after)
    if not change.in_time:
        yield _wrong("I3", change, "renews a lease that was over")
    if (after.lease_ends or 0) < (before.lease_ends or 0):
        yield _wrong("I4", change, "shortens a lease")


def _completed(history: History, change: Change, before: State, after: State) -> Iterator[Violation]:
    yield from _kept(history, change, before, after)
    if not change.in_time:
        yield _wrong("I3", change, "completes under a lease that was over")


def _let_go(history: History, change: Change, before: State, after: State) -> Iterator[Violation]:
    """Judge an item that waits again: given back by its holder, or taken back after the lease's end.

    A worker may give back without a word what it has not begun; that, unlike a rescue, gives the attempt back too.
    """
    lease = (change.id, before.claims)
    said = lease in history.given_back or (lease not in history.begun and after.attempts < before.attempts)
    if change.in_time and not said:
        yield _wrong("I4", change, "takes an item from a holder whose lease was good")
    if after.claims != before.claims or before.attempts - after.attempts not in ({0, 1} if said else {0}):
        yield _wrong("I5", change, f"goes from {before.claims}/{before.attempts} to {after.claims}/{after.attempts}")


def _failed(history: History, change: Change, before: State, after: State) -> Iterator[Violation]:
    yield from _kept(history, change, before, after)
    said = (change.id, before.claims) in history.given_back
    if change.in_time and not said:
        yield _wrong("I4", change, "fails an item whose holder had said nothing")
    if not said and before.attempts < before.max_attempts:
        yield _wrong("I5", change, f"fails an item after {before.attempts} of {before.max_attempts} attempts")


def _asked_for(verb: str) -> Judge:
    def judge(history: History, change: Change, before: State, after: State) -> Iterator[Violation]:
        if change.id not in history.asked(verb):
            yield _wrong("I1", change, f"is a {verb} that nobody asked for")
        if change.after is not None and after.claims != before.claims:
            yield _wrong("I5", change, "changes the number of claims")

    return judge


_MOVES: Final[dict[tuple[str, str], Judge]] = {
    ("", "waiting"): _made,
    ("waiting", "waiting"): _kept,
    ("waiting", "processing"): _granted,
    ("processing", "processing"): _renewed,
    ("processing", "completed"): _completed,
    ("processing", "waiting"): _let_go,
    ("processing", "failed"): _failed,
    **{(status, "cancelled"): _asked_for("cancel") for status in ("waiting", "processing")},
    **{(status, "waiting"): _asked_for("retry") for status in ("completed", "failed", "cancelled")},
    **{(status, ""): _asked_for("delete") for status in ("waiting", "completed", "failed", "cancelled")},
}


def _wrong(invariant: str, change: Change, sentence: str) -> Violation:
    move = " → ".join(status or "nothing" for status in change.move)
    return Violation(invariant, f"change {change.number} of item {change.id} ({move}) {sentence}")
