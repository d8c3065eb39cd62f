"""Settings become resources here, opened once and closed once: the database, and the secret that keys hashes.

Without FAIRLEAD_DATABASE_URL the embedded PostgreSQL is started (or adopted) and brought to the newest schema, since
nobody else looks after it; any other database is only ever migrated by `fairlead db migrate`.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import structlog

from fairlead.db import migrate
from fairlead.db.connect import DatabaseOptions
from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer
from fairlead.db.notify import Notifier
from fairlead.db.scratch import allow_databases
from fairlead.db.session import Database
from fairlead.domain.addresses import Network
from fairlead.domain.providers import GITHUB_ISSUER, GOOGLE_ISSUER, ProviderOptions
from fairlead.domain.rate_limits import RateLimits
from fairlead.domain.retry import Backoff, delay_seconds
from fairlead.errors import DatabaseUnavailable, SchemaOutdated, SettingsInvalid
from fairlead.services.delivery import SmtpOptions
from fairlead.settings import Settings

_RECONNECT: Final = Backoff(base_seconds=0.2, cap_seconds=5.0, jitter=False)
_PREPARE_AFTER: Final = 5  # executions of a statement
_SAY_AGAIN_SECONDS: Final = 60.0  # what a database is waited for may need somebody: a wrong password
_SECRET_BYTES: Final = 32  # as settings ask of FAIRLEAD_SECRET
_SMTP_PORTS: Final = {"smtp": 587, "smtps": 465}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process works with. `pepper` keys the hashes of API keys; `notifier` wakes workers after a commit.

    `smtp` None: mails wait. `public_url` None: the API is found where it listens. `trusted_proxies` are believed about
    whom they pass requests on for.

    What is secret is not in its representation, which ends up in logs and reports of errors.
    """

    database: Database
    notifier: Notifier
    database_url: str = field(repr=False)
    pepper: bytes = field(repr=False)
    smtp: SmtpOptions | None = None
    public_url: str | None = None
    rate_limits: RateLimits = field(default_factory=RateLimits)
    trusted_proxies: tuple[Network, ...] = ()
    providers: tuple[ProviderOptions, ...] = ()


@contextmanager
def database_server(settings: Settings) -> Iterator[str]:
    """Yield the URL of the database, with the embedded server running for as long as it is needed."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with EmbeddedServer.open(EmbeddedOptions(data_dir=settings.data_dir)) as server:
        yield server.url


@contextmanager
def shadow_server(settings: Settings) -> Iterator[str]:
    """Yield the URL of a login that makes databases, on the server for throw-away ones."""
    if settings.shadow_url is not None:
        yield settings.shadow_url.get_secret_value()
    elif settings.database_url is not None:
        yield direct_url(settings, settings.database_url.get_secret_value())
    else:
        with EmbeddedServer.open(EmbeddedOptions(data_dir=settings.data_dir)) as server:
            allow_databases(server.superuser_url, login="fairlead")
            yield server.url


@asynccontextmanager
async def open_resources(
    settings: Settings, *, application_name: str, pool_size: int | None = None, wait_for_database: bool = False
) -> AsyncIterator[Resources]:
    """Open everything a process needs, on a database whose schema is the newest.

    Raises SchemaOutdated when migrations are pending on a database that is not the embedded one, and
    DatabaseUnavailable when it cannot be reached, unless the caller chose to wait until it can.
    """
    async with AsyncExitStack() as stack:
        url = await _entered_in_thread(stack, database_server(settings))
        pepper, smtp = secret_bytes(settings), smtp_options(settings)
        providers = tuple(provider_options(settings))
        await _reached(direct_url(settings, url), embedded=settings.database_url is None, wait=wait_for_database)
        options = _options(settings, url, application_name, pool_size)
        resources = Resources(
            Database(options),
            Notifier(options),
            url,
            pepper,
            smtp,
            settings.public_url,
            _rate_limits(settings),
            settings.trusted_proxies,
            providers,
        )
        stack.push_async_callback(resources.database.close)
        stack.push_async_callback(resources.notifier.close)
        yield resources


async def _entered_in_thread(stack: AsyncExitStack, server: AbstractContextManager[str]) -> str:
    """Enter a blocking context manager off the event loop, and leave it there too, even when cancelled meanwhile."""
    entering = asyncio.create_task(asyncio.to_thread(server.__enter__))
    stack.push_async_callback(_left_in_thread, server, entering)
    return await asyncio.shield(entering)


async def _left_in_thread(server: AbstractContextManager[str], entering: asyncio.Task[str]) -> None:
    await asyncio.wait([entering])
    if entering.exception() is None:
        await asyncio.to_thread(server.__exit__, None, None, None)


def secret_bytes(settings: Settings) -> bytes:
    """Return the secret: from the environment, or from the data directory, where it is made when missing."""
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    path = settings.data_dir / "secret"
    try:
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(48))
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsInvalid(
            f"The secret in {path} cannot be read or made ({error.strerror}); set FAIRLEAD_SECRET."
        ) from error
    if len(secret) < _SECRET_BYTES:
        raise SettingsInvalid(f"The secret in {path} is damaged (too short); restore it, or set FAIRLEAD_SECRET.")
    return secret


def _write_once(path: Path, text: str) -> None:
    """Make a file that only we can read; two processes at once end with the same content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600, exist_ok=False)
    try:
        draft.write_text(text)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


async def _reached(url: str, *, embedded: bool, wait: bool) -> None:
    """Make sure of the schema as soon as the database can be reached; why it cannot is said once a minute."""
    said = -_SAY_AGAIN_SECONDS
    for attempt in count(1):
        try:
            await asyncio.to_thread(_ensure_schema, url, embedded=embedded)
        except DatabaseUnavailable as error:
            if not wait:
                raise
            if time.monotonic() - said >= _SAY_AGAIN_SECONDS:
                said = time.monotonic()
                _log.warning("database_awaited", code=error.code, error=error.message)
        else:
            if attempt > 1:
                _log.info("database_reached")
            return
        longest = delay_seconds(_RECONNECT, attempt, chance=1)
        await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - jitter, not a secret


def _ensure_schema(url: str, *, embedded: bool) -> None:
    if embedded:
        migrate.migrate(url)
    elif pending := migrate.pending(url):
        raise SchemaOutdated(
            f"The database lacks {len(pending)} migration(s), the first is {pending[0]}; run 'fairlead db migrate'."
        )


def direct_url(settings: Settings, url: str) -> str:
    """Return where the database at `url` is reached past a pooler, for what needs a session of its own."""
    return url if settings.database_direct_url is None else settings.database_direct_url.get_secret_value()


def _rate_limits(settings: Settings) -> RateLimits:
    return RateLimits(
        per_key=settings.rate_limit_per_key,
        per_organization=settings.rate_limit_per_organization,
        per_address=settings.rate_limit_per_address,
    )


def smtp_options(settings: Settings) -> SmtpOptions | None:
    """Return where mails are handed over; a password goes over nothing that can be listened in on."""
    if settings.smtp_url is None:
        return None
    try:
        url = urlsplit(settings.smtp_url.get_secret_value())
        port = url.port or _SMTP_PORTS[url.scheme]
    except (KeyError, ValueError):
        raise SettingsInvalid(details={"FAIRLEAD_SMTP_URL": "must be smtp://… or smtps://…"}) from None
    if not url.hostname:
        raise SettingsInvalid(details={"FAIRLEAD_SMTP_URL": "must name a host"})
    return SmtpOptions(
        host=url.hostname,
        port=port,
        sender=settings.mail_from,
        username=url.username and unquote(url.username),
        password=url.password and unquote(url.password),
        use_tls=url.scheme == "smtps",
        start_tls=True if url.password and url.hostname not in _LOOPBACK else None,
    )


def provider_options(settings: Settings) -> Iterator[ProviderOptions]:
    """Yield whom people can sign in with; raises SettingsInvalid for one that is told by half."""
    for name, prefix, issuer in (
        ("github", "github", GITHUB_ISSUER),
        ("google", "google", GOOGLE_ISSUER),
        (settings.oidc_name, "oidc", settings.oidc_issuer),
    ):
        client_id, secret = getattr(settings, f"{prefix}_client_id"), getattr(settings, f"{prefix}_client_secret")
        if client_id and secret and issuer:
            yield ProviderOptions(name, issuer, client_id, secret.get_secret_value())
        elif client_id or secret or (prefix == "oidc" and issuer):
            needed = "FAIRLEAD_OIDC_ISSUER, …_CLIENT_ID and …_CLIENT_SECRET" if prefix == "oidc" else "id and secret"
            raise SettingsInvalid(details={f"FAIRLEAD_{prefix.upper()}_CLIENT_ID": f"needs {needed} together"})


def _options(settings: Settings, url: str, application_name: str, pool_size: int | None) -> DatabaseOptions:
    return DatabaseOptions(
        url=url,
        application_name=application_name,
        pool_size=pool_size or settings.database_pool_size,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        prepare_after=_PREPARE_AFTER if settings.database_prepare else None,
        direct_url=direct_url(settings, url),
    )
