"""Apply revisions, or take them back: each in a transaction of its own, one run at a time.

A revision that does not get its locks within `lock_timeout` gives way, so that whoever queues up behind it is served,
and is tried again after a pause. A session that was killed, a lost connection, Ctrl-C: a revision is either applied,
or not at all, or, where it commits in its middle, it is known how far it came and the next run goes on from there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from psycopg import sql

from fairlead.db.migrating import ledger as notes
from fairlead.db.migrating import offline, revisions
from fairlead.db.migrating import state as states
from fairlead.db.migrating.events import Adopted, Applying, Resuming, Retrying, Tell, quietly
from fairlead.db.migrating.failures import explained
from fairlead.db.migrating.half_way import undo
from fairlead.db.migrating.journal import Journal
from fairlead.db.migrating.ledger import Begun, Driver
from fairlead.db.migrating.revisions import HalfWay, Migrations
from fairlead.db.migrating.session import Patience, Run, connected, running
from fairlead.db.migrating.state import State
from fairlead.domain.retry import Backoff, delay_seconds
from fairlead.errors import Busy, MigrationFailed

_PAUSES: Final = Backoff(base_seconds=0.5, cap_seconds=15.0, jitter=False)


@dataclass(frozen=True, slots=True)
class Planned:
    """A revision that would be applied: its name, the first line of what it says of itself, and its SQL when wanted."""

    revision: str
    summary: str
    sql: str | None


_PATIENT: Final = Patience()


def upgrade(
    url: str, migrations: Migrations, *, to: str = revisions.HEAD, patience: Patience = _PATIENT, tell: Tell = quietly
) -> list[str]:
    """Apply what is pending, up to the revision `to`; return the revisions applied, oldest first.

    Raises MigrationChanged and MigrationsUnknown before anything is done; MigrationFailed, Busy and DatabaseUnavailable
    when a revision cannot be applied, which leaves those before it applied.
    """
    with running(url, migrations, patience, tell) as run:
        state = run.state()
        states.insist_known(state)
        states.insist_unchanged(state)
        _adopt(run, state)
        _make_schema(run)
        return _take(run, revisions.up(run.script, state.heads, to), state.begun)


def downgrade(
    url: str, migrations: Migrations, *, to: str = "-1", patience: Patience = _PATIENT, tell: Tell = quietly
) -> list[str]:
    """Take revisions back until the database stands at `to`; return those taken back, newest first.

    A revision that was broken off in its middle is the first of them: what it had done is undone.
    Raises as `upgrade` does; a file that changed since it was applied is no hindrance.
    """
    with running(url, migrations, patience, tell) as run:
        state = run.state()
        states.insist_known(state)
        _adopt(run, state)
        return _take(run, states.steps_back(run.script, state, to), state.begun)


def look(url: str, migrations: Migrations) -> State:
    """Return where the database at `url` stands."""
    script = revisions.read(migrations)
    with connected(url) as connection, explained(), connection.begin():
        driver: Driver = connection.connection.driver_connection  # type: ignore[assignment]  # psycopg is the only one
        return states.read(driver, migrations, script)


def plan(url: str, migrations: Migrations, *, to: str = revisions.HEAD, with_sql: bool = False) -> list[Planned]:
    """Return what `upgrade` would apply, oldest first; raises as it does, and changes nothing."""
    script, state = revisions.read(migrations), look(url, migrations)
    states.insist_known(state)
    states.insist_unchanged(state)
    return [
        Planned(
            step.revision.revision,
            (step.revision.doc or "").strip(),
            "\n\n".join(offline.render(migrations, script, step)) if with_sql else None,
        )
        for step in revisions.up(script, state.heads, to)
    ]


def _adopt(run: Run, state: State) -> None:
    with explained(denied=run.migrations.denied), run.connection.begin():
        ledger = states.noted(run.driver, run.migrations, run.script, state)
        if ledger != state.ledger:
            notes.write(run.driver, run.migrations, ledger)
    if state.unnoted:
        run.watch.hear(Adopted(state.unnoted))


def _make_schema(run: Run) -> None:
    """Make the schema of the version table, which Alembic takes for granted, where it is missing."""
    schema = run.migrations.version_schema
    if schema is None:
        return
    with explained(denied=run.migrations.denied), run.connection.begin():
        if not run.driver.execute("select 1 from pg_namespace where nspname = %s", [schema]).fetchone():
            run.driver.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))


def _take(run: Run, steps: list[RevisionStep], begun: Begun | None) -> list[str]:
    _insist_on_going_on(steps, begun)
    done: list[str] = []
    for step in steps:
        revision = step.revision.revision
        run.watch.hear(Applying(revision, len(done) + 1, len(steps), back=not step.is_upgrade))
        _patiently(run, step)
        done.append(revision)
    return done


def _insist_on_going_on(steps: list[RevisionStep], begun: Begun | None) -> None:
    first = steps[0] if steps else None
    if isinstance(first, HalfWay):
        return
    if begun and not (first and (first.revision.revision, not first.is_upgrade) == (begun.revision, begun.back)):
        again, back = ("rollback", "") if begun.back else ("migrate", ", or 'fairlead db rollback' take it back")
        raise MigrationFailed(
            f"A run was broken off in the middle of {begun.revision}: {begun.statements} of its statements are "
            f"committed. Let 'fairlead db {again}' go on with it first{back}, or finish it by hand and say so with "
            f"'fairlead db stamp'."
        )


def _patiently(run: Run, step: RevisionStep) -> None:
    for attempt in count(1):
        with explained():
            run.settle()
        journal = Journal(run.connection, run.migrations, _begun(run, step), tell=run.watch.hear)
        try:
            _attempt(run, step, journal)
        except Busy:
            if attempt >= run.patience.attempts:
                raise
            longest = delay_seconds(_PAUSES, attempt, chance=1)
            pause = random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
            of = run.patience.attempts
            run.watch.hear(Retrying(step.revision.revision, attempt, of, pause, journal.statement))
            time.sleep(pause)
        else:
            return


def _begun(run: Run, step: RevisionStep) -> Begun:
    """Return how far the revision is committed already."""
    revision, back = step.revision.revision, not step.is_upgrade
    with explained(), run.connection.begin():
        begun = notes.read(run.driver, run.migrations).begun
    if begun is None or (begun.revision, begun.back) != (revision, back):
        return Begun(revision, back)
    run.watch.hear(Resuming(revision, begun.statements))
    return begun


def _attempt(run: Run, step: RevisionStep, journal: Journal) -> None:
    own = RevisionStep(step.revision_map, step.revision, step.is_upgrade)
    own.migration_fn = journal.recording(own.migration_fn)
    with (
        explained(step.revision, journal, denied=run.migrations.denied),
        EnvironmentContext(run.migrations.config, run.script, fn=lambda _heads, _context: [own]) as environment,
    ):
        noting = _noting(run, step)
        environment.configure(connection=run.connection, on_version_apply=noting, **run.migrations.options)
        if isinstance(step, HalfWay):
            undo(environment.get_context(), own.migration_fn, journal, noting)
        else:
            environment.run_migrations()
    run.watch.rest()


def _noting(run: Run, step: RevisionStep) -> Callable[..., None]:
    """Return what Alembic calls in the revision's transaction when it has changed the version table."""

    def noting(**_known: Any) -> None:
        ledger, revision = notes.read(run.driver, run.migrations), step.revision.revision
        if step.is_upgrade:
            file = revisions.fingerprint(run.migrations, step.revision)
            ledger = ledger.having(revision, notes.note(run.driver, file))
        else:
            ledger = ledger.without(revision)
        notes.write(run.driver, run.migrations, ledger)

    return noting
