"""How studio reaches the database: looking as the login that can only look, changing as the operator's own.

A connection lives for one request. Everything is sent and received as text, in UTC, so that a value is shown as
PostgreSQL writes it and goes back as PostgreSQL reads it, whatever its type is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection, OperationalError, sql
from psycopg.adapt import AdaptersMap
from psycopg.types.none import NoneDumper
from psycopg.types.numeric import IntDumper
from psycopg.types.string import StrDumperUnknown, TextLoader

from fairlead.db.migrating.failures import reason
from fairlead.db.tenancy import entering, showing, system, tenant
from fairlead.errors import DatabaseUnavailable

Connection: TypeAlias = AsyncConnection[tuple[Any, ...]]
LOOKING_SECONDS: Final = 5  # of one statement that only looks
_LOCK_SECONDS: Final = 3
_CHANGE_SECONDS: Final = 10
_AS_TEXT: Final = (
    "set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; set bytea_output = 'hex'"
)


def _texts() -> AdaptersMap:
    """Return adapters that know text and null only: a parameter's type is then the one that its place asks for."""
    adapters = AdaptersMap()
    adapters.register_loader(0, TextLoader)
    adapters.register_dumper(str, StrDumperUnknown)
    adapters.register_dumper(int, IntDumper)  # a limit
    adapters.register_dumper(type(None), NoneDumper)
    return adapters


_TEXTS: Final = _texts()


@dataclass(frozen=True, slots=True)
class Organization:
    """The tenant that is looked at; of another application, the value of the setting that its policies compare with."""

    id: str
    slug: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """Two ways to one database: `reader_url` can write nothing, `owner_url` is the operator's own.

    `tenants` says whether the schema is Fairlead's, whose rows belong to organizations; `setting` is what another
    application's policies compare rows with, "" where they have nothing of the kind.
    """

    reader_url: str = field(repr=False)
    owner_url: str = field(repr=False)
    writable: bool = False
    tenants: bool = False
    setting: str = ""

    @property
    def switches(self) -> bool:
        """Whether there is somebody whose rows can be looked at alone."""
        return self.tenants or bool(self.setting)

    @asynccontextmanager
    async def looking(
        self, organization: Organization | None = None, *, seconds: float = LOOKING_SECONDS, texts: bool = True
    ) -> AsyncIterator[Connection]:
        """Give a read-only transaction, of the tenant's rows when there is one; each statement ends after `seconds`.

        The query at its end takes the snapshot, after which a transaction cannot be made to write any more.
        """
        async with connected(self.reader_url, texts=texts) as connection:
            begin = f"{_AS_TEXT}; begin isolation level repeatable read read only; {_limits(seconds)}"
            shown = f"; {self._showing(organization, connection)}" if organization else ""
            await connection.execute(f"{begin}{shown}; select 1".encode())
            yield connection

    @asynccontextmanager
    async def changing(self, organization: Organization | None = None) -> AsyncIterator[Connection]:
        """Give a transaction that is committed when the block ends, as the application or the fleet would write.

        Without `--write` it is read-only: whoever gets here in spite of everything changes nothing.
        """
        async with connected(self.owner_url, texts=True) as connection:
            await connection.execute(_AS_TEXT.encode())
            await connection.set_read_only(not self.writable)
            async with connection.transaction():
                await connection.execute(f"{_limits(_CHANGE_SECONDS)}; select 1".encode())
                if organization and not self.tenants:
                    await connection.execute(self._showing(organization, connection).encode())
                if self.tenants:
                    scope = tenant(organization.id) if organization else system("an operator's change in studio")
                    await connection.execute(entering(scope).encode())
                yield connection

    def _showing(self, organization: Organization, connection: Connection) -> str:
        if self.tenants:
            return showing(tenant(organization.id))
        names = sql.Identifier(*self.setting.split("."))
        return sql.SQL("set local {} = {}").format(names, sql.Literal(organization.id)).as_string(connection)


@asynccontextmanager
async def connected(url: str, *, texts: bool = False) -> AsyncIterator[Connection]:
    """Give a connection of its own, all values as text or as Python's own; raises DatabaseUnavailable."""
    context = _Context() if texts else None
    try:
        connection = await AsyncConnection.connect(
            url, autocommit=True, context=context, connect_timeout=5, application_name="fairlead studio"
        )
    except OperationalError as error:
        raise DatabaseUnavailable(f"The database cannot be reached: {reason(error)}.") from error
    try:
        yield connection
    finally:
        await connection.close()


class _Context:
    """What a connection takes its adapters from."""

    adapters = _TEXTS
    connection = None


def _limits(seconds: float) -> str:
    return f"set local statement_timeout = {int(seconds * 1000)}; set local lock_timeout = {_LOCK_SECONDS * 1000}"
