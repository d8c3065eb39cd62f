"""Review: a revision as it will be: its SQL, what is dangerous in it, what it locks, and how big what it locks is."""

from __future__ import annotations

from dataclasses import dataclass

from alembic.runtime.migration import RevisionStep

from fairlead.db.migrating import offline, revisions
from fairlead.db.migrating.guard import aside
from fairlead.db.migrating.offline import Statement
from fairlead.errors import LinterMissing
from fairlead.toolkit.lint import OLDEST, Finding, lint
from fairlead.toolkit.locks import Effect, effects
from fairlead.toolkit.losses import Loss, losses
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.shadow import shadow
from fairlead.toolkit.target import Target
from fairlead.toolkit.triggers import Fired, fired

_SIZE = """
select pg_total_relation_size(c.oid),
    case when c.reltuples >= 0 then c.reltuples::bigint
        when pg_relation_size(c.oid) = 0 then 0
        else nullif(pg_stat_get_live_tuples(c.oid), 0) end
from (select relid from pg_partition_tree(to_regclass(%(table)s)) union select to_regclass(%(table)s)) as parts
join pg_class c on c.oid = parts.relid
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How big a table is in the database that the revision is for; rows by the server's estimate."""

    table: str
    rows: int | None  # None: the table was never analyzed, and nobody has counted
    bytes: int


@dataclass(frozen=True, slots=True)
class Review:
    """All of one revision's upgrade."""

    revision: str
    summary: str
    file: str
    effects: tuple[Effect, ...]
    findings: tuple[Finding, ...] | None  # None: there is no linter here
    losses: tuple[Loss, ...]
    sizes: tuple[Size, ...]  # none when no database was asked
    fired: tuple[Fired, ...]


def review(target: Target, name: str, *, server_url: str, url: str | None = None, pg_version: str = OLDEST) -> Review:
    """Review a revision: measured on a throw-away database of `server_url`, with sizes from the database at `url`.

    Without squawk nothing is linted. Raises as `lint` and `shadow` do, and MigrationFailed when a statement fails.
    """
    migrations = migrations_of(target)
    script = revisions.read(migrations)
    revision = revisions.named(script, name)
    step = RevisionStep(script.revision_map, revision, is_upgrade=True)
    sent = offline.statements(migrations, script, step)
    measured, firing = _measured(target, server_url, step, sent)
    tables = sorted({lock.table for effect in measured for lock in effect.locks})
    return Review(
        revision.revision,
        (revision.doc or "").strip(),
        revision.path,
        tuple(measured),
        _linted(target, revision.revision, pg_version),
        tuple(_lost(url, sent)) if url else (),
        tuple(_sizes(url, tables)) if url else (),
        tuple(firing),
    )


def _linted(target: Target, name: str, pg_version: str) -> tuple[Finding, ...] | None:
    try:
        return tuple(lint(target, [name], pg_version=pg_version))
    except LinterMissing:
        return None


def _measured(
    target: Target, server_url: str, step: RevisionStep, sent: list[Statement]
) -> tuple[list[Effect], list[Fired]]:
    before = step.from_revisions[0] if step.from_revisions else "base"
    with shadow(server_url, target, revision=before) as built:
        with aside(built) as driver:
            firing = fired([statement.text for statement in sent], driver)
        return effects(built, sent), firing


def _lost(url: str, sent: list[Statement]) -> list[Loss]:
    with aside(url) as driver:
        return losses([statement.text for statement in sent], driver)


def _sizes(url: str, tables: list[str]) -> list[Size]:
    found = []
    with aside(url) as driver:
        for table in tables:
            rows = driver.execute(_SIZE, {"table": table}).fetchall()
            if rows:  # what an earlier pending revision makes is not there yet
                counted = None if any(row[1] is None for row in rows) else sum(row[1] for row in rows)
                found.append(Size(table, counted, sum(row[0] or 0 for row in rows)))
    return found
