"""I6: an item whose holder has died comes back in time. I10: afterwards nothing is held, open or running any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from chaos.history import History
from chaos.verdict import Violation

_NANOSECONDS: Final = 1e9


def rescued_in_time(history: History) -> Iterator[Violation]:
    """No lease is held longer after its end than the run allows, the time without a database not counted."""
    allowed = history.expected.rescue_seconds
    for item_id, delay in rescue_delays(history):
        if delay > allowed:
            yield Violation("I6", f"item {item_id} was held for {delay:.1f} s after its lease's end")


def rescue_delays(history: History) -> list[tuple[str, float]]:
    """Return for each item taken back how many seconds it took from the lease's end, or from the database's return."""
    outages = outage_windows(history)
    delays = []
    for change in history.changes:
        if change.move not in {("processing", "waiting"), ("processing", "failed")} or change.in_time:
            continue
        if change.before is None or change.before.lease_ends is None:
            continue
        began = change.before.lease_ends
        for since, until in outages:
            if since <= change.at and until > began:
                began = max(began, min(until, change.at))
        delays.append((change.id, change.at - began))
    return delays


def first_claims(history: History) -> list[float]:
    """Return for each outage how many seconds after its end the first item was claimed again."""
    claims = [change.at for change in history.changes if change.move == ("waiting", "processing")]
    after = [[at for at in claims if at >= end] for _, end in outage_windows(history)]
    return [min(later) - end for later, (_, end) in zip(after, outage_windows(history), strict=True) if later]


def outage_windows(history: History) -> list[tuple[float, float]]:
    """Return when nobody could rescue, by the database's clock: from each `down` to the `up` that follows."""
    windows, since = [], None
    for event in history.events:
        at = event.t / _NANOSECONDS + history.expected.offset_seconds
        if event.verb == "down" and since is None:
            since = at
        elif event.verb == "up" and since is not None:
            windows.append((since, at))
            since = None
    return windows if since is None else [*windows, (since, float("inf"))]


def quiet(history: History) -> Iterator[Violation]:
    """After the run somebody looked, and no expired lease, open transaction, connection or process was left."""
    looks = list(history.of("quiet"))
    if not looks:
        yield Violation("I10", "nobody looked whether anything was left")
    for event in looks:
        yield from (Violation("I10", f"{name} left: {count}") for name, count in event.data["left"].items() if count)
