"""The connection that migrates: what it holds, and what it is set to, for as long as a run lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from fairlead.db.connect import DatabaseOptions, connect_arguments, driver_url
from fairlead.db.migrating import revisions
from fairlead.db.migrating import state as states
from fairlead.db.migrating.events import Tell
from fairlead.db.migrating.failures import explained, unreachable
from fairlead.db.migrating.guard import APPLICATION, alone, at_work
from fairlead.db.migrating.ledger import Driver
from fairlead.db.migrating.revisions import Migrations
from fairlead.db.migrating.state import State
from fairlead.db.migrating.watch import Watch

# A build may take hours; a server that notices within a second that its client was killed stops working for it.
_SESSION: Final = """
select set_config(wanted.name, wanted.value, false)
from (values ('lock_timeout', %s), ('statement_timeout', '0'), ('transaction_timeout', '0'),
    ('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'),
    ('client_connection_check_interval', case when version() ~* 'windows|mingw|visual' then '0' else '1s' end)
) as wanted (name, value)
join pg_settings using (name)
"""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run waits, and for what."""

    lock_timeout_seconds: float = 3.0  # of one statement for one lock; 0: any time, with everybody waiting behind it
    attempts: int = 12  # tries of a revision to get its locks, with pauses of up to 15 s between them
    other_run_seconds: float | None = None  # for another run to end; None: any time


@dataclass(frozen=True, slots=True)
class Run:
    """A run at work."""

    connection: Connection
    migrations: Migrations
    script: ScriptDirectory
    patience: Patience
    watch: Watch

    @property
    def driver(self) -> Driver:
        """The driver's own connection, in whatever transaction it is."""
        driver: Driver = self.connection.connection.driver_connection  # type: ignore[assignment]  # psycopg is the only one
        return driver

    def settle(self) -> None:
        """Set the session up, anew for each revision: one may have reset what it found."""
        with self.connection.begin():
            self.driver.execute(_SESSION, [f"{int(self.patience.lock_timeout_seconds * 1000)}ms"])

    def state(self) -> State:
        """Return where the database stands."""
        with self.connection.begin():
            return states.read(self.driver, self.migrations, self.script)


@contextmanager
def running(url: str, migrations: Migrations, patience: Patience, tell: Tell) -> Iterator[Run]:
    """Give a connection on which nobody else migrates; raises Busy and DatabaseUnavailable, and MigrationsInvalid."""
    script = revisions.read(migrations)
    with (
        alone(url, migrations, wait_seconds=patience.other_run_seconds, tell=tell),
        connected(url) as connection,
    ):
        driver: Driver = connection.connection.driver_connection  # type: ignore[assignment]  # psycopg is the only one
        with explained(denied=migrations.denied), connection.begin():
            at_work(driver, migrations, wait_seconds=patience.other_run_seconds, tell=tell)
        watch = Watch(url, driver.info.backend_pid, tell)
        run = Run(connection, migrations, script, patience, watch)
        with explained(denied=migrations.denied):
            run.settle()
        with watch.looking():
            yield run


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Give a connection of its own; raises DatabaseUnavailable."""
    options = DatabaseOptions(url=url, application_name=APPLICATION, prepare_after=None)
    engine = create_engine(driver_url(url), poolclass=NullPool, connect_args=connect_arguments(options))
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise unreachable(error.orig) from error
    with connection:
        yield connection
