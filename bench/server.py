"""The server everything is measured on: the embedded PostgreSQL, or the one FAIRLEAD_DATABASE_URL names.

Every contender gets a fresh database of its own for each of its turns, all owned by one login, and a checkpoint
before it begins. The database is removed after the turn, and the embedded server's data at the end.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from bench.answers import value
from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer

CACHE = Path(".cache/bench")
_PREFIX = "fairlead_bench_"
_COMMITS = 200
_LOG_FILES = 256  # of 16 MB
_SETTINGS = (
    "server_version",
    "shared_buffers",
    "max_wal_size",
    "min_wal_size",
    "checkpoint_timeout",
    "wal_level",
    "wal_sync_method",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "data_checksums",
    "autovacuum",
    "autovacuum_naptime",
    "jit",
    "max_connections",
)


class BenchmarkImpossibleError(Exception):
    """The benchmark cannot run here; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """`administrator_url` may create databases; `owner_url` is the login that gets them."""

    administrator_url: str
    owner_url: str

    @contextmanager
    def fresh_database(self, name: str) -> Iterator[str]:
        """Yield the owner's URL of a new database, and remove it: nobody's vacuum runs in another's turn."""
        try:
            yield self._made(name)
        finally:
            with self._administration() as connection:
                _drop(connection, _PREFIX + name)

    def _made(self, name: str) -> str:
        database = _PREFIX + name
        owner = make_url(self.owner_url).username
        with self._administration() as connection:
            _drop(connection, database)
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
            if owner != connection.info.user:
                connection.execute(
                    sql.SQL("alter database {} owner to {}").format(
                        sql.Identifier(database), sql.Identifier(owner or "postgres")
                    )
                )
            # Nobody pays for the pages that the one before dirtied.
            with suppress(psycopg.errors.InsufficientPrivilege):
                connection.execute("checkpoint")
        return make_url(self.owner_url).set(database=database).render_as_string(hide_password=False)

    @staticmethod
    def commit_milliseconds(url: str) -> float:
        """Return how long a durable commit of one row takes just now, the median of a few."""
        seconds = []
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table commits (number integer)")
            for number in range(_COMMITS):
                began = time.perf_counter()
                connection.execute("insert into commits values (%s)", (number,))
                seconds.append(time.perf_counter() - began)
            connection.execute("drop table commits")
        return median(seconds) * 1000

    def settings(self) -> dict[str, str]:
        """Return what the figures depend on."""
        with self._administration() as connection:
            return {name: value(connection, f"show {name}") for name in _SETTINGS}

    @contextmanager
    def _administration(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.administrator_url, autocommit=True) as connection:
            yield connection


def _drop(connection: psycopg.Connection, database: str) -> None:
    connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))


@contextmanager
def running_server() -> Iterator[Server]:
    """Yield the server, alone in this checkout."""
    with _only_one():
        given = os.environ.get("FAIRLEAD_DATABASE_URL")
        if given is None:
            with _embedded_server() as server:
                yield server
        else:
            yield Server(given, given)


@contextmanager
def _embedded_server() -> Iterator[Server]:
    data = CACHE / "data"
    embedded = EmbeddedServer.open(EmbeddedOptions(data_dir=data))
    try:
        _age(embedded.superuser_url)
        yield Server(embedded.superuser_url, embedded.url)
    finally:
        embedded.close()
        shutil.rmtree(data)


def _age(administrator_url: str) -> None:
    """Leave a server that has just been made as one that has run for a while: with files of the log to write again.

    Whoever needs a new one makes it, and all that commit meanwhile wait: on some machines for 50 ms, every second.
    """
    with psycopg.connect(administrator_url, autocommit=True) as connection:
        for _ in range(_LOG_FILES):
            connection.execute("select pg_switch_wal(), pg_logical_emit_message(false, 'bench', '')")
        connection.execute("checkpoint")


@contextmanager
def _only_one() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchmarkImpossibleError("Another benchmark is running in this checkout.") from None
        yield
