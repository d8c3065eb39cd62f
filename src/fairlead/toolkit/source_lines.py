"""Where a statement stands in a revision's files, so that what is said of it can be opened in an editor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script

from fairlead.db.migrating.offline import Statement
from fairlead.db.migrating.revisions import Migrations, files_of


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; `file` as it is found from the working directory."""

    file: str
    line: int  # the first is 1


def place_of(migrations: Migrations, revision: Script, statement: Statement, *, offset: int = 0) -> Place:
    """Return where a line of a statement stands: in the text of the revision's files, or where it is sent from.

    Of several places in a file the first is meant, since `upgrade()` and what it sends stand before `downgrade()`.
    """
    lines = statement.text.splitlines() or [""]
    for path in files_of(migrations, revision):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py" and lines[0] in text.splitlines()[statement.line - 1 : statement.line][0]:
            return Place(_shown(path), statement.line)
        before, found, _ = text.partition(statement.text)
        if found:
            return Place(_shown(path), before.count("\n") + 1 + offset)
    return Place(_shown(Path(revision.path)), statement.line)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
