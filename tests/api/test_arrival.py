from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from anyio.lowlevel import checkpoint
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from tests.fixtures.waiting import until
from uvicorn.server import ServerState

from fairlead.api.arrival import MOST_BYTES, MOST_WAITING, Arrival

pytestmark = pytest.mark.anyio
HEAD = b"POST /x HTTP/1.1\r\nHost: fairlead.test\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
ENDLESS = {
    "an address": b"GET /",
    "a header's name": HEAD,
    "a header's value": HEAD + b"X-Fill: ",
    "headers": HEAD,
    "a chunk's extension": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;",
    "a trailer": CHUNKED + b"0\r\nX-Fill: ",
    "trailers": CHUNKED + b"0\r\n",
}


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body and the headers that are there once it was read; `/wait` is never answered."""
    request = Request(scope, receive)
    with suppress(ClientDisconnect):
        body = await request.body()
        if scope["path"] == "/wait":
            scope["state"]["heard"].append((await receive())["type"])
            return
        names = sorted(name.decode() for name, _ in scope["headers"])
        await PlainTextResponse(f"{body.decode()} {names}")(scope, receive, send)


@pytest.fixture
def heard() -> list[str]:
    """What those who wait were told."""
    return []


@pytest.fixture
async def port(heard: list[str]) -> AsyncIterator[int]:
    """Where a server listens whose connections are ours."""
    config = uvicorn.Config(
        told, http=Arrival, h11_max_incomplete_event_size=MOST_BYTES, log_config=None, access_log=False
    )
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Arrival(config, state, {"heard": heard}), "127.0.0.1")
    yield server.sockets[0].getsockname()[1]
    server.close()
    for connection in list(state.connections):
        connection.shutdown()
    if state.tasks:
        await asyncio.wait(state.tasks, timeout=10)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Give a connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Read one answer and return its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    return await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))


async def refusal(reader: asyncio.StreamReader) -> bytes:
    """Read all that there is to the end of the connection."""
    async with asyncio.timeout(10):
        return await reader.read()


async def refused(reader: asyncio.StreamReader, status: int, code: str) -> None:
    """Read the refusal that ends the connection, which is of the shape of every error."""
    head, _, body = (await refusal(reader)).partition(b"\r\n\r\n")
    told = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert told["code"] == code
    assert told.keys() == {"error", "code", "details", "requestId"}
    assert b"x-request-id: " + told["requestId"].encode() in head


def pieces(kind: str) -> Iterator[bytes]:
    """Yield what somebody sends without end."""
    while True:
        yield b"X-More: " + b"x" * 1000 + b"\r\n" if kind in {"headers", "trailers"} else b"x" * 1000


@pytest.mark.parametrize("kind", ENDLESS)
async def test_what_has_no_end_is_refused(port: int, *, kind: str) -> None:
    """However somebody sends what is no body without end, the connection ends not long after the limit."""
    async with connected(port) as (reader, writer):
        writer.write(ENDLESS[kind])
        sent = 0
        with suppress(ConnectionError):
            for piece in pieces(kind):
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
                await checkpoint()
                assert sent < 50 * MOST_BYTES  # what lies in buffers on the way was sent, and never taken in
                if reader.at_eof():
                    break
            await refused(reader, 431, "HEADERS_TOO_LARGE")


async def test_a_body_is_no_head(port: int) -> None:
    """A body may be as long as it likes, in one piece or in many, whatever the limit of a head is."""
    long = b"x" * (3 * MOST_BYTES)
    async with connected(port) as (reader, writer):
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(long) + long)
        assert (await answer(reader)).startswith(long)
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(0, len(long), 1000):
            writer.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        assert (await answer(reader)).startswith(b"x" * 196_000)


async def test_a_trailer_is_not_a_header(port: int) -> None:
    """What is sent after a body does not appear among the headers that came before it."""
    async with connected(port) as (reader, writer):
        writer.write(CHUNKED + b"0\r\nX-Forwarded-For: 10.0.0.1\r\nAuthorization: Bearer x\r\n\r\n")
        assert await answer(reader) == b"hello ['host', 'transfer-encoding']"
        writer.write(HEAD + b"X-Next: 1\r\n\r\n")
        assert await answer(reader) == b" ['host', 'x-next']"


async def test_a_few_requests_may_wait_for_each_other(port: int) -> None:
    """Requests sent without waiting are answered in their order."""
    async with connected(port) as (reader, writer):
        writer.write(b"".join(HEAD + b"Content-Length: 1\r\n\r\n%d" % number for number in range(9)))
        assert [(await answer(reader))[:1] for _ in range(9)] == [b"%d" % number for number in range(9)]


async def test_a_crowd_of_requests_is_refused(port: int) -> None:
    """Whoever sends more than a few requests without waiting loses the connection, after the answers to those few."""
    async with connected(port) as (reader, writer):
        writer.write(HEAD.join([b"", *[b"\r\n"] * (MOST_WAITING + 2)]))
        for _ in range(MOST_WAITING + 1):
            await answer(reader)
        await refused(reader, 400, "VALIDATION_FAILED")


@pytest.mark.parametrize("wrong", [b"GARBAGE\r\n\r\n", b"FOO / HTTP/1.1\r\n\r\n", HEAD + b"Content-Length: -5\r\n\r\n"])
async def test_what_is_wrong_comes_after_the_answers_before_it(port: int, *, wrong: bytes) -> None:
    """What cannot be read takes nobody's answer away: each request before it on the connection is answered first."""
    async with connected(port) as (reader, writer):
        writer.write(HEAD + b"\r\n" + HEAD + b"Content-Length: 1\r\n\r\nx" + wrong)
        assert [(await answer(reader))[:2] for _ in range(2)] == [b" [", b"x "]
        assert (await refusal(reader)).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("before", [b"", HEAD + b"\r\n"], ids=["the first request", "the second"])
async def test_a_body_that_goes_wrong_is_refused(port: int, *, before: bytes) -> None:
    """A body whose end never comes, since what came cannot be read, is not waited for."""
    async with connected(port) as (reader, writer):
        writer.write(before + CHUNKED + b"zzz\r\n")
        if before:
            await answer(reader)
        await refused(reader, 400, "VALIDATION_FAILED")


async def test_who_hangs_up_is_not_worked_for(port: int, heard: list[str]) -> None:
    """When a client goes, the request that is being answered is told, though another came after it."""
    async with connected(port) as (_, writer):
        writer.write(b"GET /wait HTTP/1.1\r\n\r\n" * 2)
        await writer.drain()

    async def over() -> bool:
        return heard == ["http.disconnect"]

    await until(over, what="the request that was being answered is told")


async def test_an_upgrade_is_not_made_and_stops_nothing(port: int) -> None:
    """A client that offers HTTP/2, as Java's does with its first request, is answered, and may go on."""
    async with connected(port) as (reader, writer):
        for number in range(3):
            writer.write(HEAD + OFFER + b"Content-Length: 6\r\n\r\nhello")
            await checkpoint()
            writer.write(b"%d" % number)
            assert (await answer(reader)).startswith(b"hello%d " % number)


async def test_an_upgrade_in_the_midst_is_refused(port: int) -> None:
    """An offer that comes before the last request was answered ends the connection, after that answer."""
    async with connected(port) as (reader, writer):
        writer.write(HEAD + b"\r\n" + HEAD + OFFER + b"\r\n")
        await answer(reader)
        await refused(reader, 400, "VALIDATION_FAILED")


async def test_who_was_handed_over_has_the_same_limits(port: int) -> None:
    """Offering a protocol first is no way to send a head without end."""
    async with connected(port) as (reader, writer):
        writer.write(HEAD + OFFER + b"\r\n")
        await answer(reader)
        with suppress(ConnectionError):
            writer.write(HEAD + b"X-Fill: " + b"x" * 2 * MOST_BYTES)
            await writer.drain()
            await refused(reader, 400, "VALIDATION_FAILED")


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length : 5\r\n",
        b"Transfer-Encoding: gzip\r\n",
    ],
)
async def test_a_body_whose_end_is_not_clear_is_refused(port: int, *, lengths: bytes) -> None:
    """What another server could take for the beginning of a next request is not guessed at."""
    async with connected(port) as (reader, writer):
        writer.write(HEAD + lengths + b"\r\nhello")
        await refused(reader, 400, "VALIDATION_FAILED")
