"""`fairlead serve`: the REST API."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated

import typer
import uvicorn

from fairlead.bootstrap import Resources
from fairlead.cli.mails import run_mails
from fairlead.cli.output import messages
from fairlead.cli.running import command, loaded, opened, run
from fairlead.cli.worker import run_maintenance
from fairlead.errors import OperatorError
from fairlead.runtime.collector import settle_in
from fairlead.runtime.signals import stop_signals
from fairlead.settings import Settings

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")]
_GRACE_SECONDS = 20


@command
def serve(*, host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the REST API until stopped."""
    run(_serve(loaded(), host, port))


async def _serve(settings: Settings, host: str, port: int) -> None:
    with stop_signals() as stop:
        async with AsyncExitStack() as stack:
            resources = await opened(stack, settings, application_name="fairlead serve", stop=stop)
            await run_maintenance(stack, resources)
            address = await listening(stack, resources, host=host, port=port)
            await run_mails(stack, resources, stop=stop, url=address)
            settle_in()
            await stop.drain.wait()


async def listening(stack: AsyncExitStack, resources: Resources, *, host: str, port: int, outbox: bool = False) -> str:
    """Serve the API in the background until the stack is left; return its address.

    Raises OperatorError when the address cannot be listened on.
    """
    from fairlead.api.app import create_app  # noqa: PLC0415 - long to import, for this alone
    from fairlead.api.arrival import MOST_BYTES, Arrival  # noqa: PLC0415 - long to import, for this alone

    app = create_app(resources, outbox=outbox)
    config = uvicorn.Config(
        app,
        http=Arrival,
        h11_max_incomplete_event_size=MOST_BYTES,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
        proxy_headers=False,  # whom a request comes from is ours to say: api/addresses.py
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(_quietly(server), name="serve")
    stack.push_async_callback(_stopped, server, serving)
    stack.push_async_callback(app.state.wakings.close)  # first: no claim that waits keeps the server
    stack.push_async_callback(app.state.watches.close)  # and no stream
    while not server.started:
        if serving.done():
            raise OperatorError(f"Cannot listen on {host}:{port}; is another server there? Choose another --port.")
        await asyncio.sleep(0.01)
    address = f"http://{host}:{server.servers[0].sockets[0].getsockname()[1]}"
    messages.print(f"Serving on {address}  (reference: {address}/docs)")
    return address


async def _quietly(server: uvicorn.Server) -> None:
    """Run the server without its own signal handlers, which would replace ours, and without its exit on failure."""
    try:
        await server._serve()  # noqa: SLF001 - `serve` is this with signal handlers around it
    except SystemExit:
        return


async def _stopped(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await serving
