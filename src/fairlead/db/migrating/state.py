"""Where a database stands: which revisions are applied to it, which are pending, and which files have changed since."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from alembic.script import ScriptDirectory
from psycopg import sql

from fairlead.db.migrating import ledger as notes
from fairlead.db.migrating import revisions
from fairlead.db.migrating.ledger import Applied, Begun, Driver, Ledger
from fairlead.db.migrating.revisions import Migrations
from fairlead.errors import MigrationChanged, MigrationsUnknown


@dataclass(frozen=True, slots=True)
class State:
    """A database compared with the files; revisions oldest first."""

    heads: tuple[str, ...]  # what the version table says
    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]  # in the database, of no file
    changed: tuple[str, ...]  # applied, and their files are others now
    unnoted: tuple[str, ...]  # applied without a note of their files: by an older release, or by another tool
    begun: Begun | None  # a run was broken off in the middle of this revision
    ledger: Ledger = field(repr=False)


def read(driver: Driver, migrations: Migrations, script: ScriptDirectory) -> State:
    """Return where the database stands."""
    ledger, heads = notes.read(driver, migrations), _heads(driver, migrations)
    files = {revision.revision: revision for revision in revisions.in_order(script)}
    unknown = [head for head in heads if head not in files]
    if unknown:
        applied = [name for name in files if name in ledger.applied]
        unknown += [name for name in ledger.applied if name not in files and name not in unknown]
    else:
        ahead = {step.revision.revision for step in revisions.up(script, heads, "heads")}
        applied = [name for name in files if name not in ahead]
    return State(
        heads=heads,
        applied=tuple(applied),
        pending=tuple(name for name in files if name not in applied),
        unknown=tuple(unknown),
        changed=tuple(
            name
            for name in applied
            if name in ledger.applied and ledger.applied[name].file != revisions.fingerprint(migrations, files[name])
        ),
        unnoted=tuple(name for name in applied if name not in ledger.applied),
        begun=ledger.begun,
        ledger=ledger,
    )


def noted(driver: Driver, migrations: Migrations, script: ScriptDirectory, state: State) -> Ledger:
    """Return the note as it should be: what is applied without one is in it, what was taken back by hand is not."""
    now: dict[str, Applied] = {}
    for name in state.applied:
        file = revisions.fingerprint(migrations, script.get_revision(name))
        now[name] = state.ledger.applied.get(name) or notes.note(driver, file)
    return Ledger(now, state.begun, state.ledger.before)


def insist_known(state: State) -> None:
    """Raise MigrationsUnknown when the database stands at a revision that no file is."""
    if state.unknown:
        raise MigrationsUnknown(
            f"The database is at {', '.join(state.unknown)}, of which there is no file: newer code has migrated it, or "
            f"the file was removed. Take the newer code, or put the file back from version control."
        )


def insist_unchanged(state: State) -> None:
    """Raise MigrationChanged when the file of an applied revision is another one now."""
    if state.changed:
        raise MigrationChanged(
            f"{', '.join(state.changed)} changed since it was applied to this database. Put the file back as it was "
            f"and make a new revision for what is to change; or take it back ('fairlead db rollback') and apply it "
            f"again; or, when the change is one of words only, say so with 'fairlead db stamp --accept REVISION'."
        )


def _heads(driver: Driver, migrations: Migrations) -> tuple[str, ...]:
    table = notes.table_name(migrations)
    row: tuple[Any, ...] | None = driver.execute("select to_regclass(%s)", [table.as_string(driver)]).fetchone()
    if not row or row[0] is None:
        return ()
    rows = driver.execute(sql.SQL("select version_num from {} order by 1").format(table)).fetchall()
    return tuple(row[0] for row in rows)
