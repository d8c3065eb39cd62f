"""Histories made by hand: one in which every promise is kept, and the pieces to break each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chaos.canary import canary_of
from chaos.checker import check
from chaos.history import Change, Event, Expected, History, Row, State

ORGANIZATION, QUEUE, ITEM, TOKEN, SEED = "organization", "queue", "item", "token", 7
CANARY = canary_of(ORGANIZATION, seed=SEED)

WAITING = State("waiting")
HELD = State("processing", claims=1, attempts=1, lease_ends=12.0)
WAITING_AGAIN = State("waiting", claims=1, attempts=1)
HELD_AGAIN = State("processing", claims=2, attempts=2, lease_ends=17.0)
COMPLETED = State("completed", claims=1, attempts=1)
FAILED = State("failed", claims=1, attempts=1)


def event(kind: str, verb: str, *, t: float = 0, **data: Any) -> Event:
    """Make an event at `t` seconds."""
    return Event(int(t * 1e9), "test", kind, verb, data)


def change(number: int, at: float, before: State | None, after: State | None, *, item: str = ITEM) -> Change:
    """Make a change in a transaction of its own."""
    return Change(number, at, number, item, ORGANIZATION, QUEUE, before, after)


def moves(*steps: tuple[float, State | None], item: str = ITEM, first: int = 1) -> list[Change]:
    """Make the changes of an item's life: when, and what it was from then on."""
    states = [None, *(state for _, state in steps)]
    return [change(first + index, at, states[index], after, item=item) for index, (at, after) in enumerate(steps)]


LIFE = moves((10.0, WAITING), (10.5, HELD), (11.0, COMPLETED))
ASKED = [
    event("invoke", "enqueue", tokens=[TOKEN], organization_id=ORGANIZATION),
    event("ok", "enqueue", tokens=[TOKEN], organization_id=ORGANIZATION, ids=[ITEM]),
]
WORKED = [
    event("invoke", "handle", id=ITEM, lease=1, organization_id=ORGANIZATION, canary=CANARY),
    event("ok", "handle", id=ITEM, lease=1),
]
QUIET = [event("info", "quiet", left={"connections": 0})]
ROW = Row(ITEM, ORGANIZATION, QUEUE, "completed", 1, 3, 1, TOKEN, CANARY, CANARY)
GOOD = History([*ASKED, *WORKED, *QUIET], LIFE, [ROW], Expected(seed=SEED))


def said(verb: str, *kinds: str, lease: int = 1) -> list[Event]:
    """Make the events of somebody who says an outcome: `invoke`, and then how it was answered."""
    return [event(kind, verb, id=ITEM, lease=lease) for kind in ("invoke", *kinds)]


def with_events(*events: Event) -> History:
    """Return the good history with further events."""
    return replace(GOOD, events=[*GOOD.events, *events])


def with_life(*steps: tuple[float, State | None], events: list[Event] | None = None, **row: Any) -> History:
    """Return a history in which the item's life went so; keywords are what its row says at the end."""
    return History([*ASKED, *QUIET, *(events or [])], moves(*steps), [replace(ROW, **row)], Expected(seed=SEED))


def broken(history: History) -> set[str]:
    """Return which invariants the checker finds broken."""
    return {violation.invariant for violation in check(history)}
