from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from tests.api.test_arrival import HEAD, OFFER, answer, connected
from uvicorn.server import ServerState

from fairlead.api.arrival import MOST_BYTES, Arrival
from fairlead.api.patience import PATIENCE_SECONDS
from fairlead.domain.limits import REQUEST_SECONDS

pytestmark = pytest.mark.anyio
SECONDS = 0.05
LARGE = 3_000_000  # more than what lies in buffers on the way
Door = Callable[[float], Any]

# What somebody sends before they stop, or go on by a byte at a time; the first part is answered.
FIRST = {"the first one": b"", "a later one": HEAD + b"\r\n", "one that was handed over": HEAD + OFFER + b"\r\n"}
HALVES = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "half a head": HEAD + b"X-Slow: ",
    "half a body": HEAD + b"Content-Length: 999999\r\n\r\nhello",
    "half a body that nobody wants": b"POST /unread HTTP/1.1\r\nContent-Length: 999999\r\n\r\nhello",
}
DRIPPING = sorted(HALVES.keys() - {"nothing", "an empty line", "half a body"})


@pytest.fixture
def told() -> dict[str, Any]:
    """What the application was told, and what it waits for."""
    return {"gone": asyncio.Event(), "go": asyncio.Event()}


async def measured(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how long the body is, `/held` later, and `/unread` without reading it."""
    body, told = b"", scope["state"]
    if scope["path"] == "/held":
        await told["go"].wait()
    if scope["path"] != "/unread":
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            told["gone"].set()
            return
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@pytest.fixture
async def listening(told: dict[str, Any]) -> AsyncIterator[Door]:
    """Open a door whose patience has so many seconds; the return is its port."""
    config = uvicorn.Config(
        measured, http=Arrival, h11_max_incomplete_event_size=MOST_BYTES, log_config=None, access_log=False
    )
    config.load()
    state, loop, servers = ServerState(), asyncio.get_running_loop(), []

    async def listen(seconds: float) -> int:
        door = type("Door", (Arrival,), {"patience_seconds": seconds})
        servers.append(await loop.create_server(lambda: door(config, state, told), "127.0.0.1"))
        return int(servers[-1].sockets[0].getsockname()[1])

    yield listen
    for server in servers:
        server.close()
    for connection in list(state.connections):
        connection.transport.abort()
    if state.tasks:
        await asyncio.wait(state.tasks, timeout=10)


async def ended(reader: asyncio.StreamReader) -> None:
    """Wait for the end of a connection."""
    async with asyncio.timeout(10):
        with suppress(ConnectionError):
            await reader.read()


async def passed(port: int, times: int = 2) -> None:
    """Let patience run out a few times, as somebody sees it who says nothing."""
    for _ in range(times):
        async with connected(port) as (reader, _):
            await ended(reader)


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("half", HALVES)
async def test_who_stops_is_not_waited_for(listening: Door, told: dict[str, Any], *, first: str, half: str) -> None:
    """A connection on which something was begun, or nothing yet, ends when nothing more comes."""
    async with connected(await listening(SECONDS)) as (reader, writer):
        if FIRST[first]:
            writer.write(FIRST[first])
            await answer(reader)
        writer.write(HALVES[half])
        await ended(reader)
    if half == "half a body":
        async with asyncio.timeout(10):
            await told["gone"].wait()


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("half", DRIPPING)
async def test_who_goes_on_slowly_is_not_waited_for(listening: Door, *, first: str, half: str) -> None:
    """A byte now and then keeps no connection open that has no request, or whose request was answered."""
    async with connected(await listening(SECONDS)) as (reader, writer), asyncio.timeout(10):
        if FIRST[first]:
            writer.write(FIRST[first])
            await answer(reader)
        writer.write(HALVES[half])
        with suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1000), SECONDS / 10)


@pytest.mark.parametrize("offer", [b"", OFFER], ids=["read quickly", "handed over"])
async def test_who_waits_for_us_is_not_ended(listening: Door, told: dict[str, Any], *, offer: bytes) -> None:
    """A request may take long to answer, one that came behind another, too, and its body may wait until it is read."""
    port = await listening(SECONDS)
    head = b"POST /held HTTP/1.1\r\nHost: x\r\n"
    requests = {
        "alone": head + offer + b"\r\n",
        "with one behind": head + b"\r\n" + HEAD + b"\r\n",
        "with a body": head + offer + b"Content-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE,
    }
    async with AsyncExitStack() as stack:
        readers = []
        for request in requests.values():
            reader, writer = await stack.enter_async_context(connected(port))
            writer.write(request)
            readers.append(reader)
        await passed(port)
        told["go"].set()
        assert [await answer(reader) for reader in readers] == [b"0", b"0", b"%d" % LARGE]
        assert await answer(readers[1]) == b"0"


@pytest.mark.parametrize("offer", [b"", OFFER], ids=["read quickly", "handed over"])
async def test_a_body_may_take_long_if_it_goes_on(listening: Door, *, offer: bytes) -> None:
    """What comes piece by piece is waited for longer than for any one piece."""
    clock = await listening(SECONDS)
    async with connected(await listening(5 * SECONDS)) as (reader, writer):
        writer.write(HEAD + offer + b"Content-Length: 8\r\n\r\n")
        for _ in range(8):
            writer.write(b"x")
            await passed(clock, times=1)
        assert await answer(reader) == b"8"


def test_a_request_is_told_before_its_connection_ends() -> None:
    """Whose body does not come is told so by the request's own time limit, which is the shorter one."""
    assert REQUEST_SECONDS < PATIENCE_SECONDS <= 20
