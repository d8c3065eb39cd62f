"""The login that studio reads with: it can do nothing but read the open columns of the target's tables.

It is made when studio starts and dropped when it ends. Since the session's own user is powerless, there is nothing that
`reset role`, `set session authorization` or a function could go back to: what it may not do, no SQL does. On Fairlead's
schema it is a member of `fairlead_reader`, whose policies say which rows it sees; on another schema those
that its policies show everybody, or all where they compare with no one setting and the operator may give that right.

The operator's connection stays open and holds an advisory lock on the login's name, by which the next studio tells a
login in use from one whose studio was killed, and drops the latter.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from psycopg import AsyncConnection, Error, errors, sql

from fairlead.db.connect import driver_url
from fairlead.db.migrating.ledger import table_name
from fairlead.errors import DatabaseUnavailable, OperatorError
from fairlead.studio.access import Connection, connected
from fairlead.studio.own import READER_ROLE
from fairlead.studio.reading import read_shape
from fairlead.studio.shape import Shape, Table
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.target import OWN, Target

_PREFIX: Final = "fairlead_studio_"
_IN_USE: Final = 1_937_007_981  # the first number of the locks; any that no other program on the server uses
_MAKING: Final = 1_937_007_982  # one makes or drops at a time: two grants on one table would collide
_CONNECTIONS: Final = 30
_STALE: Final = """
select rolname from pg_roles r where starts_with(rolname, %s) and not exists (
    select from pg_locks where locktype = 'advisory' and granted and classid::bigint = %s and objsubid = 2
        and objid = hashtext(rolname)::oid
)
"""


@dataclass(frozen=True, slots=True)
class Login:
    """What it reaches the database with, the shape of what it may read, and the tables it was not given."""

    url: str
    shape: Shape
    refused: tuple[str, ...] = ()


@asynccontextmanager
async def reading_login(owner_url: str, target: Target) -> AsyncIterator[Login]:
    """Make the login, give it, and drop it.

    Raises DatabaseUnavailable, and OperatorError when the operator's login may not make one.
    """
    async with connected(owner_url) as connection:
        database = await _database(connection)
        prefix = f"{_PREFIX}{database}_"
        name, password = f"{prefix}{secrets.token_hex(6)}", secrets.token_urlsafe(24)
        async with _alone(connection):
            await _sweep(connection, prefix)
            await connection.execute("select pg_advisory_lock(%s, hashtext(%s))", [_IN_USE, name])
            await _make(connection, name, password=password)
        try:
            async with _alone(connection):
                shape = await read_shape(connection, target.metadata)
                await _open_rows(connection, name, target, shape)
                refused = [
                    table.address for table in shape.tables.values() if not await _given(connection, table, name)
                ]
                await _give_history(connection, name, target)
            url = driver_url(owner_url).set(drivername="postgresql", username=name, password=password)
            login = Login(url.render_as_string(hide_password=False), shape, tuple(refused))
            await _tried(login)
            yield login
        finally:
            await _left(owner_url, name)


async def _database(connection: Connection) -> int:
    row = await (
        await connection.execute("select oid::bigint from pg_database where datname = current_database()")
    ).fetchone()
    return int(row[0]) if row else 0


@asynccontextmanager
async def _alone(connection: Connection) -> AsyncIterator[None]:
    await connection.execute("select pg_advisory_lock(%s, 0)", [_MAKING])
    try:
        yield
    finally:
        await connection.execute("select pg_advisory_unlock(%s, 0)", [_MAKING])


async def _make(connection: Connection, name: str, *, password: str) -> None:
    made = sql.SQL(
        "create role {name} login password {password} nosuperuser nocreatedb nocreaterole noreplication "
        "connection limit {limit}; alter role {name} set default_transaction_read_only = on"
    ).format(name=sql.Identifier(name), password=sql.Literal(password), limit=sql.Literal(_CONNECTIONS))
    try:
        await connection.execute(made)
    except errors.InsufficientPrivilege as error:
        user = connection.info.user
        raise OperatorError(
            f"Studio reads with a login that can do nothing else, and {user!r} may not make one. Let an administrator "
            f'run: alter role "{user}" createrole. Then start studio again.'
        ) from error


async def _open_rows(connection: Connection, name: str, target: Target, shape: Shape) -> None:
    """Let it see the rows: through the reader's policies, or past an application's where no setting says whose."""
    if target.name == OWN:
        grant = sql.SQL("grant {} to {}").format(sql.Identifier(READER_ROLE), sql.Identifier(name))
        try:
            await connection.execute(grant)
        except errors.InsufficientPrivilege as error:
            raise OperatorError(
                f"The login {connection.info.user!r} may not let another one read: let an administrator run: grant "
                f'{READER_ROLE} to "{connection.info.user}" with admin option. Then start studio again.'
            ) from error
        return
    if shape.setting:
        return
    with suppress(errors.InsufficientPrivilege):
        await connection.execute(sql.SQL("alter role {} bypassrls").format(sql.Identifier(name)))


async def _given(connection: Connection, table: Table, name: str) -> bool:
    """Give it the open columns of a table; False when they are not the operator's to give."""
    names = [column.name for column in table.columns]
    if table.key == ("ctid",):  # by which the rows of a table without a key are in an order
        names += table.key
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    place, role = sql.Identifier(table.schema, table.name), sql.Identifier(name)
    grant = sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(table.schema), role)
    with suppress(errors.InsufficientPrivilege):  # everybody may use `public`, whoever owns it
        await connection.execute(grant)
    try:
        await connection.execute(sql.SQL("grant select ({}) on {} to {}").format(columns, place, role))
    except errors.InsufficientPrivilege:
        return False
    return True


async def _give_history(connection: Connection, name: str, target: Target) -> None:
    place = table_name(migrations_of(target))
    with suppress(errors.UndefinedTable, errors.InsufficientPrivilege, errors.InvalidSchemaName):
        await connection.execute(sql.SQL("grant select on {} to {}").format(place, sql.Identifier(name)))


async def _tried(login: Login) -> None:
    """Make sure that the server lets the login in, while somebody is there to be told."""
    try:
        async with connected(login.url):
            return
    except DatabaseUnavailable as error:
        raise OperatorError(
            f"The server does not let the login in that studio made to read with: {error.message} It has to accept "
            "passwords for this address (pg_hba.conf: scram-sha-256); a Unix socket with 'peer' does not, "
            "host=localhost usually does."
        ) from error


async def _sweep(connection: Connection, prefix: str) -> None:
    """Drop what killed studios of this database left."""
    for (name,) in await (await connection.execute(_STALE, [prefix, _IN_USE])).fetchall():
        with suppress(Error):  # another operator's, who will drop it
            await _drop(connection, str(name))


async def _left(owner_url: str, name: str) -> None:
    """Drop it on a connection of its own: the first one may be gone, and must not hold what is dropped."""
    with suppress(DatabaseUnavailable):
        async with connected(owner_url) as connection, _alone(connection):
            await _drop(connection, name)


async def _drop(connection: AsyncConnection[tuple[object, ...]], name: str) -> None:
    role = sql.Identifier(name)
    await connection.execute(sql.SQL("alter role {} nologin").format(role))
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s and pid <> pg_backend_pid()", [name]
    )
    await connection.execute(sql.SQL("grant {} to current_user").format(role))  # which may only then drop what it owns
    await connection.execute(sql.SQL("drop owned by {0}; drop role {0}").format(role))
