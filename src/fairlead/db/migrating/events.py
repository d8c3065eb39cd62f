"""What happens while migrations run, told as it happens; `str()` of each is a sentence for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

_SHOWN = 160  # characters of a statement


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody connected to the database; of another login's session the server may not tell what it does."""

    pid: int
    application: str
    login: str
    state: str
    seconds: float | None  # since its transaction began, or since it connected; None: this login is not told
    query: str

    def __str__(self) -> str:
        who = f"{self.application or 'unnamed'}, login {self.login}" if self.login else self.application or "unnamed"
        if self.seconds is None:
            return f"pid {self.pid} ({who}); what it does is shown only to members of pg_read_all_stats"
        return f"pid {self.pid} ({who}), {self.state or 'active'} for {self.seconds:.0f} s: {brief(self.query)}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another run holds the lock; this one waits for it."""

    holders: tuple[Session, ...]

    def __str__(self) -> str:
        who = "; ".join(map(str, self.holders)) or "somebody who has gone meanwhile"
        return f"Another run of migrations is at work on this database; waiting for it. {who}"


@dataclass(frozen=True, slots=True)
class Adopted:
    """Revisions were applied without a note of their files' hashes, which is made now."""

    revisions: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"Noting the files of {len(self.revisions)} revision(s) that were applied before, or by another tool: "
            f"{', '.join(self.revisions)}. From now on a change of them is noticed."
        )


@dataclass(frozen=True, slots=True)
class Applying:
    """A revision starts, upwards or back."""

    revision: str
    number: int
    of: int
    back: bool = False

    def __str__(self) -> str:
        return f"{'Taking back' if self.back else 'Applying'} {self.revision} ({self.number} of {self.of})"


@dataclass(frozen=True, slots=True)
class Resuming:
    """A run was broken off in the middle of this revision; what it had committed is left out."""

    revision: str
    statements: int

    def __str__(self) -> str:
        return f"Going on with {self.revision} behind statement {self.statements}, where a run was broken off"


@dataclass(frozen=True, slots=True)
class LeftOver:
    """An invalid index that an interrupted CREATE INDEX CONCURRENTLY left is dropped."""

    index: str

    def __str__(self) -> str:
        return f"Dropping {self.index}, the invalid left-over of an index that was not built to its end"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A statement on the way back finds that there is nothing to take back: a run was broken off before it came."""

    statement: str

    def __str__(self) -> str:
        return f"  left out, since it had not come to that: {brief(self.statement)}"


@dataclass(frozen=True, slots=True)
class Running:
    """A statement is sent."""

    statement: str

    def __str__(self) -> str:
        return f"  {brief(self.statement)}"


@dataclass(frozen=True, slots=True)
class Lasting:
    """A statement takes its time, with nobody in its way."""

    statement: str
    seconds: float

    def __str__(self) -> str:
        return f"  running for {self.seconds:.0f} s: {brief(self.statement)}"


@dataclass(frozen=True, slots=True)
class Blocked:
    """A statement waits for a lock that others hold, or ask for too."""

    statement: str
    blockers: tuple[Session, ...]

    def __str__(self) -> str:
        who = "\n".join(f"    {blocker}" for blocker in self.blockers)
        return f"  waiting for a lock: {brief(self.statement)}\n{who}"


@dataclass(frozen=True, slots=True)
class Retrying:
    """A revision gave way because it did not get its locks in time; it is tried again after a pause."""

    revision: str
    attempt: int
    of: int
    seconds: float
    statement: str

    def __str__(self) -> str:
        return (
            f"{self.revision} did not get its lock in time and gave way (try {self.attempt} of {self.of}, at: "
            f"{brief(self.statement)}); again in {self.seconds:.1f} s"
        )


Event: TypeAlias = Waiting | Adopted | Applying | Resuming | LeftOver | LeftOut | Running | Lasting | Blocked | Retrying
Tell: TypeAlias = Callable[[Event], None]


def quietly(_event: Event) -> None:
    """Tell nobody."""


def brief(statement: str) -> str:
    """Return a statement on one line, cut to what a line can show."""
    line = " ".join(statement.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
