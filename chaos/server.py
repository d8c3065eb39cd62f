"""The server that is broken: an embedded PostgreSQL in a directory of its own, and a fresh database for every fault.

It can be killed like any server and started again on the same data; when the run is over nothing of it is left.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer
from fairlead.db.migrate import migrate
from fairlead.db.scratch import ScratchServer, scratch_database

_START_SECONDS: Final = 60
_SETTINGS: Final = ["server_version", "fsync", "synchronous_commit", "full_page_writes", "max_connections"]
_TEMPLATE: Final = "chaos_template"


class ChaosServer:
    """A running server; `crash` ends it in a way, `start` brings it back."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._claim = _opened(directory)
        self._has_template = False

    def superuser_url(self, url: str) -> str:
        """Return a superuser's URL for the database that `url` names."""
        database = make_url(url).database
        return make_url(self._claim.superuser_url).set(database=database).render_as_string(hide_password=False)

    @contextmanager
    def fresh_database(self, name: str) -> Iterator[str]:
        """Give the application's URL of a migrated database, and drop it."""
        with scratch_database(self._scratch(), name=f"chaos_{name}", template=self._template()) as url:
            yield url

    def _scratch(self) -> ScratchServer:
        return ScratchServer(self._claim.superuser_url, self._claim.url)

    def _template(self) -> str:
        """Return the database that the migrations built; it goes with the server's directory."""
        if not self._has_template:
            scratch, owner = self._scratch(), make_url(self._claim.url).username or ""
            make = sql.SQL("create database {} owner {}").format(sql.Identifier(_TEMPLATE), sql.Identifier(owner))
            with psycopg.connect(scratch.url, autocommit=True) as connection:
                connection.execute(make)
            migrate(scratch.url_of(_TEMPLATE))
            self._has_template = True
        return _TEMPLATE

    def said(self, words: str) -> int:
        """Return how often the server's log has these words."""
        return (self._directory / "postgresql.log").read_text(errors="replace").count(words)

    def settings(self) -> dict[str, str]:
        """Return what the server promises about durability, and its version."""
        with psycopg.connect(self._claim.superuser_url, autocommit=True) as connection:
            rows = connection.execute("select name, setting from pg_settings where name = any(%s)", [_SETTINGS])
            return dict(rows.fetchall())

    def crash(self, number: signal.Signals) -> None:
        """Signal the main process: SIGKILL as the kernel's killer, SIGQUIT as `pg_ctl stop -m immediate`."""
        os.kill(self._main_process(), number)

    def start(self) -> None:
        """Start it again and wait until it has recovered."""
        again = _opened(self._directory)  # claims the server beside the claim we still hold
        self._claim.close()
        self._claim = again

    def close(self) -> None:
        """Stop it for good."""
        self._claim.close()

    def _main_process(self) -> int:
        return int((self._directory / "postgresql" / "postmaster.pid").read_text().split("\n", 1)[0])


@contextmanager
def running_server(directory: Path) -> Iterator[ChaosServer]:
    """Run a server in an empty directory, whose removal is the caller's."""
    server = ChaosServer(directory)
    try:
        yield server
    finally:
        server.close()


class Injector:
    """A superuser's connection for faults and looks; it is made again after the server was away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows; raises psycopg.OperationalError while the server is away."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True, application_name="chaos injector")
        cursor = self._connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description is not None else []

    def value(self, statement: str, *parameters: Any) -> Any:
        """Run a statement and return its one value."""
        return self.rows(statement, *parameters)[0][0]

    def close(self) -> None:
        """Let the connection go."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()


def _opened(directory: Path) -> EmbeddedServer:
    return EmbeddedServer.open(EmbeddedOptions(directory, start_timeout_seconds=_START_SECONDS))
