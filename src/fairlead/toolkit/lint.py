"""Lint: what is dangerous in the SQL of revisions while others read and write, found before it is applied.

The SQL is what the revision sends, with its transactions, read by squawk. A statement is excused by a comment in its
SQL, `-- squawk-ignore rule` on the line before it, a revision by `LINT_IGNORE` in its file: a list of rules, or a
dictionary that gives the reason for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from alembic.runtime.migration import RevisionStep
from alembic.script import Script

from fairlead.db.migrating import offline, revisions
from fairlead.db.migrating.offline import Statement
from fairlead.db.migrating.revisions import Migrations
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.source_lines import place_of
from fairlead.toolkit.squawk import squawk
from fairlead.toolkit.target import Target

OLDEST: Final = "15"  # rules are those of the oldest PostgreSQL that a revision may meet


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is dangerous: where, by which rule, what, and what to do."""

    revision: str
    file: str
    line: int
    rule: str
    sentence: str
    remedy: str
    statement: str


def lint(target: Target, names: Iterable[str], *, pg_version: str = OLDEST) -> list[Finding]:
    """Return what is found in the upgrades of these revisions, in their order.

    Raises OperatorError without squawk, MigrationsInvalid for an unknown name, and MigrationFailed for a revision whose
    SQL depends on what a database answers.
    """
    migrations = migrations_of(target)
    script = revisions.read(migrations)
    found: list[Finding] = []
    for name in names:
        revision = revisions.named(script, name)
        step = RevisionStep(script.revision_map, revision, is_upgrade=True)
        sent = offline.statements(migrations, script, step)
        found += _findings(migrations, revision, sent, pg_version=pg_version)
    return found


def _findings(migrations: Migrations, revision: Script, sent: list[Statement], *, pg_version: str) -> Iterator[Finding]:
    text, starts = _script(sent)
    ignored: Any = getattr(revision.module, "LINT_IGNORE", ())
    for remark in squawk(text, pg_version=pg_version, ignored=[str(rule) for rule in ignored]):
        number = max((n for n, start in enumerate(starts) if start <= remark.line), default=0)
        statement = sent[number]
        place = place_of(migrations, revision, statement, offset=remark.line - starts[number])
        yield Finding(
            revision.revision, place.file, place.line, remark.rule, remark.sentence, remark.remedy, statement.text
        )


def _script(sent: list[Statement]) -> tuple[str, list[int]]:
    """Return the statements as one script with its transactions, and the line on which each begins."""
    lines: list[str] = ["BEGIN;"]
    starts, inside = [], True
    for statement in sent:
        if statement.alone is inside:
            lines.append("COMMIT;" if inside else "BEGIN;")
            inside = not inside
        starts.append(len(lines))
        lines += f"{statement.text};".splitlines()
    return "\n".join([*lines, *(["COMMIT;"] if inside else [])]) + "\n", starts
