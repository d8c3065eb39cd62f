"""Throw-away databases on a server: empty, built by the migrations, or for a moment what the models make.

Each is named `fairlead_shadow_…` and dropped when its block ends. The maker holds an advisory lock from before it makes
the database until after it dropped it, so that whoever comes next tells a database in use from one whose maker was
killed, and drops the latter. Two at once do not meet.

The login may be any that makes databases (CREATEDB); what a migration needs beyond tables, such as CREATEROLE, it needs
here too. Roles belong to the whole server: those that a migration makes stay.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import sql
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from fairlead.db.connect import driver_url
from fairlead.db.scratch import drop_database
from fairlead.errors import DatabaseUnavailable, MigrationFailed, OperatorError
from fairlead.toolkit.environment import connected, first_line, upgrade
from fairlead.toolkit.target import Target

_Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
_PREFIX: Final = "fairlead_shadow_"
_IN_USE: Final = 1_229_867_348  # the first number of the locks; any that no other program on the server uses
_UNMADE: Final = "The models of {} cannot be made in an empty database: {}"
_STALE: Final = """
select datname from pg_database d where starts_with(datname, %s) and not exists (
    select from pg_locks where locktype = 'advisory' and granted and classid::bigint = %s and objsubid = 2
        and objid = hashtext(datname)::oid
)
"""


@contextmanager
def shadow(server_url: str, target: Target, *, revision: str = "head") -> Iterator[str]:
    """Give the URL of a throw-away database that the migrations brought to `revision` ("base": empty).

    Raises DatabaseUnavailable, OperatorError when the login may not make databases, and MigrationFailed.
    """
    with scratch(server_url) as url:
        if revision != "base":
            with connected(url) as connection:
                upgrade(target, connection, revision)
        yield url


@contextmanager
def modelled(connection: Connection, target: Target) -> Iterator[None]:
    """Let an empty database be what the models make, with all the DDL that listens to it, until the block ends.

    It is one transaction, which is undone; the block is the login again, whatever that DDL had set.
    Raises MigrationFailed when the models cannot be made.
    """
    with connection.begin() as made:
        try:
            connection.exec_driver_sql("set local check_function_bodies = off")
            target.metadata.create_all(connection, checkfirst=False)
        except DBAPIError as error:
            raise MigrationFailed(_UNMADE.format(target.name, first_line(error))) from error
        except Exception as error:  # of DDL that listens, such as one with a single per cent sign
            raise MigrationFailed(_UNMADE.format(target.name, f"{type(error).__name__}: {error}")) from error
        connection.exec_driver_sql("reset role; reset all")
        yield
        made.rollback()


@contextmanager
def scratch(server_url: str) -> Iterator[str]:
    """Give the URL of an empty throw-away database on the server; raises as `shadow` does."""
    name = f"{_PREFIX}{secrets.token_hex(6)}"
    with _connected(server_url) as connection:
        _sweep(connection)
        connection.execute("select pg_advisory_lock(%s, hashtext(%s))", [_IN_USE, name])
        _make(connection, name)
        try:
            yield (
                driver_url(server_url).set(drivername="postgresql", database=name).render_as_string(hide_password=False)
            )
        finally:
            drop_database(connection, name)


def _sweep(connection: _Connection) -> None:
    """Drop what killed runs left; what another login made is left to that login."""
    for (name,) in connection.execute(_STALE, [_PREFIX, _IN_USE]).fetchall():
        try:
            drop_database(connection, name)
        except psycopg.errors.InsufficientPrivilege:
            continue


def _make(connection: _Connection, name: str) -> None:
    try:
        # template0 is the server as it came: what an administrator put into template1 is in no migration.
        connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise OperatorError(
            f"The login {connection.info.user!r} may not make databases, and a throw-away one is needed. Let an "
            f'administrator run: alter role "{connection.info.user}" createdb. Or name another server in '
            "FAIRLEAD_SHADOW_URL."
        ) from error


@contextmanager
def _connected(server_url: str) -> Iterator[_Connection]:
    try:
        connection = psycopg.connect(_url_of(server_url), autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise DatabaseUnavailable(
            f"The server for throw-away databases cannot be reached: {reason}. It is the one of FAIRLEAD_SHADOW_URL, "
            "or else that of FAIRLEAD_DATABASE_URL, whose database has to be there."
        ) from error
    with connection:
        yield connection


def _url_of(server_url: str, *, database: str = "") -> str:
    url = driver_url(server_url).set(drivername="postgresql")
    return (url.set(database=database) if database else url).render_as_string(hide_password=False)
