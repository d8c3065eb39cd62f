"""Fairlead's own migrations: where they are, and how they get into a database.

`db/migrating` runs them, as it runs any application's; here is what belongs to this schema.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fairlead.db.migrating import run
from fairlead.db.migrating.events import Tell, quietly
from fairlead.db.migrating.revisions import Migrations
from fairlead.db.sqlstate import translated

VERSION_TABLE: Final = "fairlead_migrations"
LOCATION: Final = Path(__file__).parent / "migrations"
_DENIED: Final = (
    "The database login may not set the schema up ({problem}). Let an administrator run, in this database: "
    "create role fairlead_owner nologin; create role fairlead_app nologin; create role fairlead_system nologin; "
    "create role fairlead_reader nologin; "
    "grant fairlead_owner, fairlead_app, fairlead_system, fairlead_reader to <your login> with admin option; "
    "grant create on schema public to <your login> with grant option. Then run 'fairlead db migrate' again."
)
OWN: Final = Migrations(
    LOCATION,
    VERSION_TABLE,
    lock=4_919_111_418_901_031_125,  # the number that the first releases use
    denied=_DENIED,
)


def migrate(url: str, *, tell: Tell = quietly) -> list[str]:
    """Bring the database at `url` to the newest schema; return the revisions applied, oldest first.

    Raises OperatorError when the login may not do what is needed, and as `db/migrating/run.py` says.
    """
    return run.upgrade(url, OWN, tell=tell)


def downgrade(url: str, revision: str = "base") -> None:
    """Take the database at `url` back to `revision`."""
    run.downgrade(url, OWN, to=revision)


def pending(url: str) -> list[str]:
    """Return the revisions that the database at `url` lacks, oldest first; none where newer code has migrated it."""
    with translated():
        state = run.look(url, OWN)
    return [] if state.unknown else list(state.pending)
