"""An open-loop load of HTTP requests: they leave when they are due, however long the ones before them take.

So a server that falls behind is seen to: a request's time is counted from when it was due, not from when it got its
turn. Without a rate the connections are kept busy, and the requests are counted. Requests are bytes made beforehand,
and answers are read no further than needed, so that the load takes little of the two cores that it shares.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson

_HEAD_END = b"\r\n\r\n"


class RefusedError(Exception):
    """A request was answered with an error; there is nothing to measure."""


class Connection:
    """A kept connection, on which one request at a time is sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, address: str) -> Connection:
        """Connect."""
        where = urlsplit(address)
        return cls(*await asyncio.open_connection(where.hostname, where.port))

    async def ask(self, request: bytes) -> bytes:
        """Send a request and return the body of its answer; raises RefusedError."""
        self._writer.write(request)
        head = (await self._reader.readuntil(_HEAD_END)).lower()
        body = await self._body(head)
        if not head.startswith(b"http/1.1 2"):
            raise RefusedError(body.decode())
        return body

    async def _body(self, head: bytes) -> bytes:
        if b"transfer-encoding: chunked" not in head:
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            return await self._reader.readexactly(length)
        body = bytearray()
        while length := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(length + 2))[:-2]
        await self._reader.readexactly(2)
        return bytes(body)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@dataclass
class Taken:
    """What a load took: how many requests in how many seconds, and each one's time."""

    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """How many requests were answered a second."""
        return len(self.milliseconds) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the time within which a share of the requests was answered."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request(method: str, path: str, *, key: str, body: object = None, media_type: str = "application/json") -> bytes:
    """Return the bytes of a request."""
    sent = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    return head.encode() + sent


async def busy(address: str, asked: bytes, *, connections: int, seconds: float) -> Taken:
    """Send a request again and again on so many connections."""
    end = time.perf_counter() + seconds

    def due() -> Iterator[float]:
        while (now := time.perf_counter()) < end:
            yield now

    return await _sent(address, asked, due(), connections)


async def at_rate(address: str, asked: bytes, *, per_second: int, seconds: float, connections: int) -> Taken:
    """Send a request so many times a second, evenly, by the first connection that is free."""
    begun = time.perf_counter()
    times = (begun + number / per_second for number in range(int(per_second * seconds)))
    return await _sent(address, asked, times, connections)


async def _sent(address: str, asked: bytes, due: Iterator[float], connections: int) -> Taken:
    opened = [await Connection.open(address) for _ in range(connections)]
    taken, begun = Taken(), time.perf_counter()

    async def client(connection: Connection) -> None:
        for moment in due:
            if (early := moment - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            await connection.ask(asked)
            taken.milliseconds.append((time.perf_counter() - moment) * 1000)

    async with asyncio.TaskGroup() as clients:
        for connection in opened:
            clients.create_task(client(connection))
    taken.seconds = time.perf_counter() - begun
    for connection in opened:
        connection.close()
    return taken
