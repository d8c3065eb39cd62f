"""A history: all that is known of one run, read from its files and from nothing else.

`events` are what clients, handlers and the injector wrote down; `changes` what the witness in the database saw
committed, in order; `rows` the items at the end; `expected` what the run promised its checker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import orjson

FINISHED: Final = frozenset({"completed", "failed", "cancelled"})
GIVING_BACK: Final = frozenset({"fail", "release", "snooze"})


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a recorder; `t` is monotonic, in nanoseconds."""

    t: int
    process: str
    kind: str
    verb: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def lease(self) -> tuple[str, int]:
        """The lease it is about."""
        return self.data["id"], self.data["lease"]


@dataclass(frozen=True, slots=True)
class State:
    """An item at one moment; `lease_ends` is in seconds by the database's clock."""

    status: str
    claims: int = 0
    attempts: int = 0
    max_attempts: int = 3
    lease_ends: float | None = None
    unique_key: str | None = None
    unique_while: str | None = None
    ordering_key: str | None = None
    due: float | None = None  # by the database's clock


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change of one item; None before is an item made, None after one removed."""

    number: int
    at: float
    transaction: int
    id: str
    organization_id: str
    queue_id: str
    before: State | None
    after: State | None

    @property
    def move(self) -> tuple[str, str]:
        """The statuses it leads from and to; '' for an item that is not there."""
        return (self.before.status if self.before else "", self.after.status if self.after else "")

    @property
    def in_time(self) -> bool:
        """Whether the lease that was held before it was still good."""
        return self.before is not None and self.before.lease_ends is not None and self.at < self.before.lease_ends


@dataclass(frozen=True, slots=True)
class Row:
    """An item at the end; `token` and the canaries are what its payload and its result say."""

    id: str
    organization_id: str
    queue_id: str
    status: str
    attempts: int
    max_attempts: int
    claims: int
    token: str | None
    canary: str | None
    result_canary: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run promised its checker.

    `offset_seconds` is the database's clock less the monotonic one. `rescue_seconds` is how long after its end a lease
    may still be held while the database is there.
    """

    seed: int = 0
    offset_seconds: float = 0.0
    rescue_seconds: float = 5.0
    drained: bool = True
    limits: dict[str, int] = field(default_factory=dict)  # how many items of a queue may be processing


@dataclass(frozen=True)
class History:
    """One run."""

    events: list[Event] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    expected: Expected = field(default_factory=Expected)

    def of(self, verb: str, *kinds: str) -> Iterator[Event]:
        """Yield the events of a verb, of these kinds or of all."""
        return (event for event in self.events if event.verb == verb and (not kinds or event.kind in kinds))

    @cached_property
    def changes_of(self) -> dict[str, list[Change]]:
        """The changes of each item, in order."""
        found: dict[str, list[Change]] = defaultdict(list)
        for change in self.changes:
            found[change.id].append(change)
        return found

    @cached_property
    def given_back(self) -> set[tuple[str, int]]:
        """The leases whose holders said, or may have said, that they let go of them."""
        said = {event.lease for event in self.events if event.verb in GIVING_BACK and event.kind == "invoke"}
        return said | {event.lease for event in self.of("handle", "fail")}

    @cached_property
    def begun(self) -> set[tuple[str, int]]:
        """The leases under which a handler has begun."""
        return {event.lease for event in self.of("handle", "invoke")}

    def asked(self, verb: str) -> set[str]:
        """Return the items for which somebody asked for a verb that needs no lease."""
        return self._asked[verb]

    @cached_property
    def _asked(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for event in self.events:
            if event.kind == "invoke" and "ids" in event.data:
                found[event.verb].update(event.data["ids"])
        return found


def read_history(directory: Path) -> History:
    """Read the files of one run."""
    return History(
        events=read_events(directory),
        changes=merged(_change(line) for line in _lines(directory / "changes.jsonl")),
        rows=[Row(**line) for line in _lines(directory / "rows.jsonl")],
        expected=Expected(**orjson.loads((directory / "expected.json").read_bytes())),
    )


def read_events(directory: Path) -> list[Event]:
    """Read what all recorders wrote so far, in the order of its happening."""
    events = [_event(line) for path in sorted(directory.glob("events-*.jsonl")) for line in _lines(path)]
    return sorted(events, key=lambda event: event.t)


def write_expected(directory: Path, expected: Expected) -> None:
    """Write down what the checker may expect of this run."""
    (directory / "expected.json").write_bytes(orjson.dumps(asdict(expected)))


def merged(changes: Iterable[Change]) -> list[Change]:
    """Put the two halves of a move between leaves, a removal and a making in one statement, together."""
    halves: dict[tuple[int, str, float], Change] = {}
    whole: list[Change] = []
    for change in changes:
        key = (change.transaction, change.id, change.at)
        if change.before is not None and change.after is not None:
            whole.append(change)
        elif (other := halves.pop(key, None)) is None:
            halves[key] = change
        else:
            whole.append(_joined(other, change))
    return sorted([*whole, *halves.values()], key=lambda change: change.number)


def _joined(one: Change, other: Change) -> Change:
    removed, made = (one, other) if one.before is not None else (other, one)
    return Change(
        min(one.number, other.number), one.at, one.transaction, one.id, one.organization_id, one.queue_id,
        removed.before, made.after,
    )  # fmt: skip


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what a file says; the last line of a process that was killed may be cut short."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            continue


def _event(line: dict[str, Any]) -> Event:
    return Event(line.pop("t"), line.pop("process"), line.pop("kind"), line.pop("verb"), line)


def _change(line: dict[str, Any]) -> Change:
    before, after = line["before"], line["after"]
    item = after or before
    return Change(
        line["number"],
        _seconds(line["at"]),
        int(line["transaction"]),
        item["id"],
        item["organization_id"],
        item["queue_id"],
        _state(before),
        _state(after),
    )


def _state(row: dict[str, Any] | None) -> State | None:
    if row is None:
        return None
    ends, due = row["lease_expires_at"], row["scheduled_for"]
    return State(
        row["status"],
        row["claims"],
        row["attempts"],
        row["max_attempts"],
        None if ends is None else _seconds(ends),
        row["unique_key"],
        row.get("unique_while"),
        row["ordering_key"],
        None if due is None else _seconds(due),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
