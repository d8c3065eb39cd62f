"""Say what a database stands at, without running anything; and that a changed file is the one that was applied."""

from __future__ import annotations

from dataclasses import replace

from alembic.runtime.migration import MigrationContext

from fairlead.db.migrating import ledger as notes
from fairlead.db.migrating import revisions
from fairlead.db.migrating import state as states
from fairlead.db.migrating.events import Tell, quietly
from fairlead.db.migrating.failures import explained
from fairlead.db.migrating.ledger import Applied
from fairlead.db.migrating.revisions import Migrations
from fairlead.db.migrating.session import Patience, Run, running
from fairlead.errors import MigrationsInvalid


def stamp(url: str, migrations: Migrations, *, revision: str, tell: Tell = quietly) -> tuple[str, ...]:
    """Write `revision` into the version table, whatever the database has; return where it stands now.

    Every revision up to it is noted as applied with the file it has now, and what was broken off is forgotten.
    Raises MigrationsInvalid when there is no such revision.
    """
    with running(url, migrations, Patience(), tell) as run:
        with explained(denied=migrations.denied), revisions.sensible(), run.connection.begin():
            MigrationContext.configure(run.connection, opts=migrations.options).stamp(run.script, revision)
            state = states.read(run.driver, migrations, run.script)
            kept = replace(state.ledger, applied={}, begun=None)
            noted = states.noted(run.driver, migrations, run.script, replace(state, ledger=kept, begun=None))
            notes.write(run.driver, migrations, noted)
        return run.state().heads


def accept(url: str, migrations: Migrations, *, revision: str, tell: Tell = quietly) -> None:
    """Note the file of an applied revision as it is now; raises MigrationsInvalid when it is not applied."""
    with running(url, migrations, Patience(), tell) as run:
        state = run.state()
        if revision not in state.applied:
            raise MigrationsInvalid(f"{revision} is not applied to this database.")
        with explained(denied=migrations.denied), run.connection.begin():
            notes.write(
                run.driver, migrations, replace(state.ledger, applied=state.ledger.applied | _noted(run, revision))
            )


def _noted(run: Run, revision: str) -> dict[str, Applied]:
    file = revisions.fingerprint(run.migrations, run.script.get_revision(revision))
    return {revision: notes.note(run.driver, file)}
