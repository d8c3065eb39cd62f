"""Where a database stands: which revisions are applied to it, which are pending, and which files have changed since."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory
from psycopg import sql

from fairlead.db.migrating import ledger as notes
from fairlead.db.migrating import revisions
from fairlead.db.migrating.ledger import Applied, Begun, Driver, Ledger
from fairlead.db.migrating.revisions import Migrations
from fairlead.errors import MigrationChanged, MigrationsInvalid, MigrationsUnknown

_NAMESAKES: Final = """
select n.nspname, c.relname
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = 'version_num'
where c.relname = %s and c.relkind = 'r' and not pg_is_other_temp_schema(n.oid)
    and has_schema_privilege(n.oid, 'usage') and has_column_privilege(c.oid, a.attnum, 'select')
order by 1
"""


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
    """Return where the database stands; raises MigrationsInvalid when that is noted in another schema than is said."""
    files = {revision.revision: revision for revision in revisions.in_order(script)}
    ledger, heads = notes.read(driver, migrations), _heads(driver, migrations, files)
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


def steps_back(script: ScriptDirectory, state: State, to: str) -> list[RevisionStep]:
    """Return the steps back to `to`; the first is that of a revision that was broken off, where there is one."""
    if state.begun and state.begun.revision in state.pending:
        return revisions.back_from_half_way(script, state.heads, to, begun=state.begun.revision)
    return revisions.down(script, state.heads, to) if state.heads else []


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


def _heads(driver: Driver, migrations: Migrations, files: Collection[str]) -> tuple[str, ...]:
    table = notes.table_name(migrations)
    if driver.execute("select to_regclass(%s)", [table.as_string(driver)]).fetchone() == (None,):
        _insist_on_place(driver, migrations, files)
        return ()
    return _noted_in(driver, table)


def _insist_on_place(driver: Driver, migrations: Migrations, files: Collection[str]) -> None:
    """Raise MigrationsInvalid when a table of another schema stands at one of the files: a search_path once led there.

    That of another application, which may have the same name, stands at revisions of its own.
    """
    place = notes.table_name(migrations).as_string(driver)
    for schema, name in driver.execute(_NAMESAKES, [migrations.version_table]).fetchall():
        found = sql.Identifier(schema, name)
        if at := [head for head in _noted_in(driver, found) if head in files]:
            there, home = found.as_string(driver), sql.Identifier(migrations.place[0]).as_string(driver)
            raise MigrationsInvalid(
                f"There is no version table {place}, but {there} stands at {', '.join(at)}, of which there is a file. "
                f"Name its schema in pyproject.toml (version_schema = {schema!r} in [tool.fairlead.db]), or move it: "
                f"ALTER TABLE {there} SET SCHEMA {home};"
            )


def _noted_in(driver: Driver, table: sql.Identifier) -> tuple[str, ...]:
    rows = driver.execute(sql.SQL("select version_num from {} order by 1").format(table)).fetchall()
    return tuple(row[0] for row in rows)
