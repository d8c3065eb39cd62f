"""Taking revisions back, with what is lost by it told first."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.db.migrating import offline, revisions, run
from fairlead.db.migrating.guard import aside
from fairlead.db.migrating.state import insist_known, steps_back
from fairlead.errors import MigrationFailed
from fairlead.toolkit.brought_back import impossible, invented
from fairlead.toolkit.losses import Loss, losses
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.target import Target

_UNREADABLE = "whatever it does, which cannot be told before it runs"


@dataclass(frozen=True, slots=True)
class Way:
    """The way back to a revision: what is taken back, newest first, what that throws away, and what it fails at."""

    revisions: tuple[str, ...]
    losses: tuple[Loss, ...]
    impossible: tuple[str, ...] = ()  # columns that cannot be brought back to the rows that are there


def way_back(url: str, target: Target, *, to: str = "-1") -> Way:
    """Return the way back from where the database stands; changes nothing.

    Raises MigrationsUnknown, and MigrationsInvalid when `to` is not on the way.
    """
    migrations = migrations_of(target)
    state, script = run.look(url, migrations), revisions.read(migrations)
    insist_known(state)
    found: list[Loss] = []
    failing: list[str] = []
    steps = steps_back(script, state, to)
    with aside(url) as driver:
        for step in steps:
            try:
                sent = [statement.text for statement in offline.statements(migrations, script, step)]
            except MigrationFailed:
                found.append(Loss(_UNREADABLE, None, is_estimate=False, statement=step.revision.revision))
            else:
                found += [*losses(sent, driver), *invented(sent, driver)]
                failing += impossible(sent, driver)
    return Way(tuple(step.revision.revision for step in steps), tuple(found), tuple(failing))
