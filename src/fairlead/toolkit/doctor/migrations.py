"""Whether the database is what this release was written for: its migrations, and the schema they should have made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from alembic.runtime.migration import MigrationContext

from fairlead.toolkit.doctor.finding import CannotLook, Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.doctor.phrases import how_many
from fairlead.toolkit.environment import options, scripts

PENDING: Final = Condition(
    "migrations-pending",
    Severity.ERROR,
    "The database lacks migrations that this release needs.",
    "fairlead db migrate",
)
UNKNOWN: Final = Condition(
    "migrations-unknown",
    Severity.ERROR,
    "The database has a migration that this release does not know: it is of a newer release, or of another branch.",
    "Install the release that it belongs to, or take the database back to a revision that this one knows.",
)


def _look_at_revisions(patient: Patient) -> Iterator[Finding]:
    unknown, pending = standing(patient)
    if unknown:
        yield UNKNOWN.found(
            f"The database is at {', '.join(unknown)}, which {patient.target.name} has no file for.",
            revisions=unknown,
        )
    elif pending:
        yield PENDING.found(
            f"{how_many(len(pending), 'migration')} of {patient.target.name} not applied: {', '.join(pending)}.",
            revisions=pending,
        )


def standing(patient: Patient) -> tuple[list[str], list[str]]:
    """Return the database's revisions that have no file, and the files that are not applied, oldest first."""
    script = scripts(patient.target)
    known = {revision.revision for revision in script.walk_revisions()}
    current = MigrationContext.configure(patient.connection, opts=options(patient.target)).get_current_heads()
    if unknown := sorted(set(current) - known):
        return unknown, []
    applied = {revision.revision for revision in script.iterate_revisions(current, "base")} if current else set()
    return [], [
        revision.revision for revision in reversed(list(script.walk_revisions())) if revision.revision not in applied
    ]


CHECKS: Final = (Check(_look_at_revisions, (PENDING, UNKNOWN)),)
