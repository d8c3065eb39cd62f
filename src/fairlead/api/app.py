"""The application: every router, every error's shape, the edge around them, and what goes on beside the requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from fastapi import FastAPI

from fairlead.api import openapi, problems
from fairlead.api import outbox as kept_mails
from fairlead.api.directory import Directory
from fairlead.api.edge import Edge
from fairlead.api.mounting import routes_of
from fairlead.api.wakings import Wakings
from fairlead.api.watches import Watches
from fairlead.bootstrap import Resources
from fairlead.errors import FairleadError
from fairlead.runtime.loop import Loop
from fairlead.services.enqueuer import Enqueuer
from fairlead.services.key_cache import KeyCache
from fairlead.services.key_use import KeyUse
from fairlead.services.passwords import Passwords
from fairlead.services.providers import Provider
from fairlead.services.rate_limits import RateLimiter
from fairlead.services.shared_reads import SharedReads

FLUSH_SECONDS: Final = 60.0
_log = structlog.get_logger(__name__)


def create_app(resources: Resources, *, outbox: bool = False) -> FastAPI:
    """Return the ASGI application on `resources`, which the caller opens before and closes after.

    `outbox` shows kept mails to this machine; for development only.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=_flushing)
    app.state.resources = resources
    app.state.keys = KeyCache(resources.database, pepper=resources.pepper)
    app.state.key_use = KeyUse(resources.database)
    app.state.passwords = Passwords()
    app.state.watches = Watches(resources.database)
    app.state.limiter = RateLimiter(resources.database, resources.rate_limits)
    app.state.providers = {options.name: Provider(options) for options in resources.providers}
    app.state.enqueuer = Enqueuer(resources.database, on_enqueued=resources.notifier.announce)
    app.state.reads = SharedReads(resources.database)
    app.state.streams = asyncio.Semaphore(max(1, resources.database.options.pool_size // 4))
    app.state.wakings = Wakings(resources.database)
    pages = [openapi.router, kept_mails.router] if outbox else [openapi.router]
    app.router.routes.append(Directory([*openapi.routes(), *routes_of(*pages)]))
    problems.install(app)
    app.add_middleware(Edge)
    return app


@asynccontextmanager
async def _flushing(app: FastAPI) -> AsyncIterator[None]:
    """Write down once a minute which keys were used, and a last time when no request is left."""
    key_use: KeyUse = app.state.key_use

    async def turn() -> float:
        await key_use.flush()
        return FLUSH_SECONDS

    loop = Loop("key_use", turn)
    loop.start()
    try:
        yield
    finally:
        await app.state.wakings.close()
        await app.state.watches.close()
        await app.state.enqueuer.close()
        app.state.passwords.close()
        await loop.stop()
        try:
            await key_use.flush()
        except FairleadError as error:
            _log.warning("key_use_lost", code=error.code, error=error.message)
