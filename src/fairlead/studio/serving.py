"""One studio from its start to its end: the reading login, the application, the server on this machine's loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from fairlead.errors import OperatorError
from fairlead.studio.access import Access
from fairlead.studio.app import create_studio
from fairlead.studio.changes import Changes
from fairlead.studio.console import Console
from fairlead.studio.guard import Door
from fairlead.studio.login import reading_login
from fairlead.studio.organizations import find_organization
from fairlead.studio.trail import Trail
from fairlead.studio.visited import Studio
from fairlead.toolkit.target import OWN, Target

LOOPBACK: Final = "127.0.0.1"
_GRACE_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class StudioOptions:
    """How studio is started. `port` 0 is any that is free; `trail` is where another application's changes are told."""

    trail: Path
    port: int = 0
    writable: bool = False
    organization_slug: str = ""


@asynccontextmanager
async def opened_studio(target: Target, owner_url: str, options: StudioOptions) -> AsyncIterator[Studio]:
    """Give a studio whose login is there, not served yet.

    Raises DatabaseUnavailable, NotFound for a tenant that is not there, and OperatorError.
    """
    own = target.name == OWN
    async with reading_login(owner_url, target) as login:
        setting = "" if own else login.shape.setting
        access = Access(login.url, owner_url, writable=options.writable, tenants=own, setting=setting)
        slug = options.organization_slug
        if slug and not access.switches:
            raise OperatorError(
                f"No row of {target.name} belongs to a tenant: its policies compare with no one setting."
            )
        door = Door(await find_organization(access, slug) if slug else None)
        changes = Changes(access, Trail(None if own else options.trail), target.metadata)
        yield Studio(target, login.shape, access, door, Console(access, login.shape), changes, login.refused)


@asynccontextmanager
async def served(studio: Studio, *, port: int) -> AsyncIterator[str]:
    """Serve a studio while the block runs; give the address that opens it. Raises OperatorError for a port in use."""
    listening = _listening(port)
    studio.door.port = listening.getsockname()[1]
    config = uvicorn.Config(
        create_studio(studio),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    # `serve` is this with signal handlers around it, which would replace the command's own.
    serving = asyncio.create_task(server._serve([listening]), name="studio")  # noqa: SLF001
    try:
        yield studio.door.address
    finally:
        server.should_exit = True
        await serving
        listening.close()


def _listening(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        listening.close()
        raise OperatorError(
            f"Studio cannot listen on {LOOPBACK}:{port} ({error.strerror}); is another studio there? "
            "Choose another --port, or --port 0 for any that is free."
        ) from error
    return listening
