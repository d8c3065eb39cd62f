"""What a database was migrated by: every revision, whether it is applied, when, and whether its file is the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from fairlead.db.migrating import revisions, run
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.target import Target

Standing: TypeAlias = Literal["applied", "changed", "broken off", "pending", "unknown"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One revision. `unknown`: applied, and there is no file; `broken off`: a run ended in its middle."""

    revision: str
    standing: Standing
    summary: str
    file: str | None  # below the folder of the migrations
    applied_at: str | None  # by the database's clock; None also where nobody noted it


@dataclass(frozen=True, slots=True)
class History:
    """All of it, oldest first."""

    target: str
    heads: tuple[str, ...]  # where the database stands
    entries: tuple[Entry, ...]

    @property
    def is_sound(self) -> bool:
        """Whether what was applied is what the files say."""
        return not any(entry.standing in {"changed", "unknown"} for entry in self.entries)


def history(url: str, target: Target) -> History:
    """Return the history of the database at `url`; changes nothing."""
    migrations = migrations_of(target)
    state = run.look(url, migrations)
    entries = []
    for revision in revisions.in_order(revisions.read(migrations)):
        name = revision.revision
        standing: Standing = "pending" if name in state.pending else "applied"
        if name in state.changed:
            standing = "changed"
        if state.begun and state.begun.revision == name:
            standing = "broken off"
        noted = state.ledger.applied.get(name) if name in state.applied else None
        file = str(Path(revision.path).relative_to(migrations.folder))
        entries.append(Entry(name, standing, (revision.doc or "").strip(), file, noted.at if noted else None))
    for name in state.unknown:
        noted = state.ledger.applied.get(name)
        entries.append(Entry(name, "unknown", "", None, noted.at if noted else None))
    return History(target.name, state.heads, tuple(entries))
