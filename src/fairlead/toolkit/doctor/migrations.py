"""Whether the database is what this release was written for: its migrations, and the schema they should have made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from fairlead.toolkit.doctor.finding import Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.doctor.phrases import how_many
from fairlead.toolkit.environment import current, scripts
from fairlead.toolkit.target import Target

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
    for target in patient.targets:
        unknown, pending = standing(target, patient.connection)
        if unknown:
            yield UNKNOWN.found(
                f"The database is at {', '.join(unknown)}, for which {target.name} has no file.",
                subject=target.name,
                revisions=unknown,
            )
        elif pending:
            yield PENDING.found(
                f"{how_many(len(pending), 'migration')} of {target.name} not applied: {', '.join(pending)}.",
                subject=target.name,
                remedy=f"{PENDING.remedy}{patient.target_option(target)}",
                revisions=pending,
            )


def standing(target: Target, connection: Connection) -> tuple[list[str], list[str]]:
    """Return the database's revisions that have no file, and the files that are not applied, oldest first."""
    script = scripts(target)
    known = [revision.revision for revision in script.walk_revisions()]
    heads = current(target, connection)
    if unknown := sorted(set(heads) - set(known)):
        return unknown, []
    applied = {revision.revision for revision in script.iterate_revisions(heads, "base")} if heads else set()
    return [], [revision for revision in reversed(known) if revision not in applied]


CHECKS: Final = (Check(_look_at_revisions, (PENDING, UNKNOWN)),)
