"""A revision as the SQL that it sends, for people to review: rendered without a database, as it lies beside it."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Final

from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory

from fairlead.db.migrating import offline, revisions
from fairlead.db.migrating.wording import QUOTED
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.target import Target


def rendered_files(target: Target, revision: str) -> dict[Path, str]:
    """Return the files that lie beside a revision's module: what is sent up, and what is sent down."""
    return _files(target, revisions.read(migrations_of(target)), revision)


def _files(target: Target, script: ScriptDirectory, revision: str) -> dict[Path, str]:
    folder, name = target.migrations / "versions", Path(revisions.named(script, revision).path).stem
    return {
        folder / f"{name}.up.sql": _rendered(target, script, revision, forward=True),
        folder / f"{name}.down.sql": _rendered(target, script, revision, forward=False),
    }


def outdated(target: Target) -> dict[Path, str]:
    """Return the files beside revisions that are not what is sent, with what they should be; a revision may have none.

    The newest come first.
    """
    script = revisions.read(migrations_of(target))
    return {
        path: wanted
        for revision in script.walk_revisions()
        for path, wanted in _files(target, script, revision.revision).items()
        if path.is_file() and path.read_text(encoding="utf-8") != wanted
    }


def _rendered(target: Target, script: ScriptDirectory, revision: str, *, forward: bool) -> str:
    step = RevisionStep(script.revision_map, revisions.named(script, revision), is_upgrade=forward)
    return "\n\n".join(map(flush, offline.render(migrations_of(target), script, step))) + "\n"


def flush(statement: str) -> str:
    """Take the margin of Python's source out of a statement of several lines, unless lines of it are quoted."""
    if any("\n" in quoted[0] for quoted in _QUOTED.finditer(statement)):
        return statement
    first, _, others = statement.partition("\n")
    return "\n".join(line.rstrip() for line in (first, *dedent(others).splitlines()))


_QUOTED: Final = re.compile(QUOTED)
