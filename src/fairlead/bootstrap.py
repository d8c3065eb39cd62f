"""Settings become resources here, opened once and closed once: the database, and the secret that keys hashes.

Without FAIRLEAD_DATABASE_URL the embedded PostgreSQL is started (or adopted) and brought to the newest schema, since
nobody else looks after it; any other database is only ever migrated by `fairlead db migrate`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fairlead.db import migrate
from fairlead.db.connect import DatabaseOptions
from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.errors import SchemaOutdated, SettingsInvalid
from fairlead.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process works with. `pepper` keys the hashes of API keys; `notifier` wakes workers after a commit."""

    database: Database
    notifier: Notifier
    database_url: str
    pepper: bytes


@contextmanager
def database_server(settings: Settings) -> Iterator[str]:
    """Yield the URL of the database, with the embedded server running for as long as it is needed."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with EmbeddedServer.open(EmbeddedOptions(data_dir=settings.data_dir)) as server:
        yield server.url


@asynccontextmanager
async def open_resources(
    settings: Settings, *, application_name: str, pool_size: int | None = None
) -> AsyncIterator[Resources]:
    """Open everything a process needs, on a database whose schema is the newest.

    Raises SchemaOutdated when migrations are pending on a database that is not the embedded one, and
    DatabaseUnavailable when it cannot be reached.
    """
    async with AsyncExitStack() as stack:
        url = await _entered_in_thread(stack, database_server(settings))
        await asyncio.to_thread(_ensure_schema, url, embedded=settings.database_url is None)
        options = _options(settings, url, application_name, pool_size)
        resources = Resources(Database(options), Notifier(options), url, secret_bytes(settings))
        stack.push_async_callback(resources.database.close)
        stack.push_async_callback(resources.notifier.close)
        yield resources


async def _entered_in_thread(stack: AsyncExitStack, server: AbstractContextManager[str]) -> str:
    """Enter a blocking context manager off the event loop, and leave it there too."""
    url = await asyncio.to_thread(server.__enter__)
    stack.push_async_callback(asyncio.to_thread, server.__exit__, None, None, None)
    return url


def secret_bytes(settings: Settings) -> bytes:
    """Return the secret: from the environment, or from the data directory, where it is made when missing."""
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    path = settings.data_dir / "secret"
    try:
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(48))
        return path.read_bytes().strip()
    except OSError as error:
        raise SettingsInvalid(
            f"The secret in {path} cannot be read or made ({error.strerror}); set FAIRLEAD_SECRET."
        ) from error


def _write_once(path: Path, text: str) -> None:
    """Make a file that only we can read; two processes at once end with the same content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _ensure_schema(url: str, *, embedded: bool) -> None:
    if embedded:
        migrate.migrate(url)
    elif pending := migrate.pending(url):
        raise SchemaOutdated(
            f"The database lacks {len(pending)} migration(s), the first is {pending[0]}; run 'fairlead db migrate'."
        )


def _options(settings: Settings, url: str, application_name: str, pool_size: int | None) -> DatabaseOptions:
    return DatabaseOptions(
        url=url,
        application_name=application_name,
        pool_size=pool_size or settings.database_pool_size,
        statement_timeout_seconds=settings.statement_timeout_seconds,
    )
