"""Scratch databases: made for a test run from a template that the migrations built, emptied between tests, dropped.

The processes of a run share a template by its name. Each holds an advisory lock in the database that `url` names, so
that the first makes the template, the last drops it, and one that died holds nothing. All of this is synchronous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString, TypeAlias

import psycopg
from psycopg import sql

from fairlead.db import migrate
from fairlead.db.connect import driver_url
from fairlead.errors import DatabaseUnavailable, OperatorError
from fairlead.schema import metadata
from fairlead.schema.row_security import SYSTEM_ROLE

_Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
_BUILDING, _CLAIMS = 1, 2  # the second numbers of the two locks of a template
_LOCK_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class ScratchServer:
    """Where databases are made: by the login of `url`, for the login of `owner_url` when that is another one."""

    url: str
    owner_url: str | None = None

    def url_of(self, database: str) -> str:
        """Return the owner's URL for a database of this server."""
        changed = driver_url(self.owner_url or self.url).set(drivername="postgresql", database=database)
        return changed.render_as_string(hide_password=False)


@contextmanager
def migrated_template(server: ScratchServer, *, name: str) -> Iterator[str]:
    """Give the name of a migrated database: made by the first process that asks, dropped by the last that leaves.

    Raises DatabaseUnavailable, and OperatorError when the login may not make databases or migrate them.
    """
    with _connected(server) as connection:
        with _alone(connection, name):
            _lock(connection, "select pg_advisory_lock_shared(hashtext(%s), %s)", name, _CLAIMS)
            if not _value(connection, "select count(*) from pg_database where datname = %s", name):
                _build(connection, server, name)
        try:
            yield name
        finally:
            with _alone(connection, name):
                _lock(connection, "select pg_advisory_unlock_shared(hashtext(%s), %s)", name, _CLAIMS)
                if _value(connection, "select pg_try_advisory_lock(hashtext(%s), %s)", name, _CLAIMS):
                    drop_database(connection, name)


@contextmanager
def scratch_database(server: ScratchServer, *, name: str, template: str = "template1") -> Iterator[str]:
    """Make a database, give its owner's URL, and drop it with whatever is connected. Raises as `migrated_template`."""
    with _connected(server) as connection:
        _make(connection, server, name, template)
    try:
        yield server.url_of(name)
    finally:
        with _connected(server) as connection:
            drop_database(connection, name)


def empty(url: str) -> None:
    """Empty a database once; what is deleted and what is raised is `emptier`'s."""
    with emptier(url) as emptied:
        emptied()


@contextmanager
def emptier(url: str) -> Iterator[Callable[[], None]]:
    """Give what deletes every row of a migrated database but the system roles and the note of its migrations.

    It may be called any number of times and keeps its connection, since a new one learns anew what is in a database;
    one that was ended meanwhile is made again. An organization takes what is in it along, its own roles too.
    Raises psycopg's LockNotAvailable when a transaction that was left open stands in the way.
    """
    others = [table.name for table in metadata.sorted_tables if table.name not in {"organizations", "roles"}]
    deletes = sql.SQL("; ").join(
        sql.SQL("delete from {}").format(sql.Identifier(table)) for table in ["organizations", *others]
    )
    connection = _emptying(url)

    def emptied() -> None:
        nonlocal connection
        try:
            connection.execute(deletes)
        except psycopg.OperationalError:
            if not connection.closed:
                raise
            connection = _emptying(url)
            connection.execute(deletes)

    try:
        yield emptied
    finally:
        connection.close()


def _emptying(url: str) -> _Connection:
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(sql.SQL("set role {}").format(sql.Identifier(SYSTEM_ROLE)))
    connection.execute(sql.SQL("set lock_timeout = {}").format(sql.Literal(f"{_LOCK_SECONDS}s")))
    return connection


def allow_databases(superuser_url: str, *, login: str) -> None:
    """Let a login make databases; any number of processes may do so at once.

    One after another, because PostgreSQL refuses a second change of one role at the same time.
    """
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext('fairlead.allow_databases'))")  # held by this connection
        connection.execute(sql.SQL("alter role {} createdb").format(sql.Identifier(login)))


def _connected(server: ScratchServer) -> _Connection:
    url = driver_url(server.url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"The server for tests cannot be reached: {error}") from error


def _build(connection: _Connection, server: ScratchServer, name: str) -> None:
    draft = f"{name}_draft"  # so that a template is there completely or not at all
    _make(connection, server, draft, "template1")
    migrate.migrate(server.url_of(draft))
    connection.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(draft), sql.Identifier(name)))


def _make(connection: _Connection, server: ScratchServer, name: str, template: str) -> None:
    drop_database(connection, name)
    owner = driver_url(server.owner_url).username if server.owner_url else None
    names = [sql.Identifier(name), sql.Identifier(owner) if owner else sql.SQL("default"), sql.Identifier(template)]
    try:
        connection.execute(sql.SQL("create database {} owner {} template {}").format(*names))
    except psycopg.errors.InsufficientPrivilege as error:
        raise OperatorError(
            f"The login {connection.info.user!r} may not make databases for tests; let an administrator run: "
            f'alter role "{connection.info.user}" createdb'
        ) from error


def drop_database(connection: psycopg.Connection[tuple[Any, ...]], name: str) -> None:
    """Drop a database, when it is there, with whatever is connected to it."""
    drop = sql.SQL("drop database if exists {}").format(sql.Identifier(name))
    try:
        connection.execute(drop + sql.SQL(" with (force)"))
    except psycopg.errors.InsufficientPrivilege:
        connection.execute(drop)  # only a vacuum is no login's to end by force, and that makes way for a plain drop


@contextmanager
def _alone(connection: _Connection, name: str) -> Iterator[None]:
    _lock(connection, "select pg_advisory_lock(hashtext(%s), %s)", name, _BUILDING)
    try:
        yield
    finally:
        _lock(connection, "select pg_advisory_unlock(hashtext(%s), %s)", name, _BUILDING)


def _lock(connection: _Connection, statement: LiteralString, name: str, kind: int) -> None:
    connection.execute(statement, [name, kind])


def _value(connection: _Connection, statement: LiteralString, *parameters: Any) -> Any:
    row = connection.execute(statement, list(parameters)).fetchone()
    return row[0] if row else None
