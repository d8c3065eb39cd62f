"""Which revisions a command is about: named ones, those behind one, or those that a database lacks."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.db.migrating import revisions, run
from fairlead.db.migrating.state import insist_known
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.target import Target


def pending(url: str, target: Target) -> list[str]:
    """Return the revisions that the database at `url` lacks, oldest first."""
    state = run.look(url, migrations_of(target))
    insist_known(state)
    return list(state.pending)


def chosen(target: Target, names: Sequence[str] = (), *, since: str = "base") -> list[str]:
    """Return these revisions by their whole names, or without any all behind `since`, oldest first.

    Raises MigrationsInvalid for a name that is none.
    """
    script = revisions.read(migrations_of(target))
    if names:
        return [revisions.named(script, name).revision for name in names]
    behind = () if since == "base" else (revisions.named(script, since).revision,)
    return [step.revision.revision for step in revisions.up(script, behind, "heads")]
