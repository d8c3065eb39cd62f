"""A proxy between a worker and its server that counts statements on the wire, whoever sends them and however."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy import make_url

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages that carry statements, and the statements in them."""

    messages: int = 0
    statements: int = 0


class CountingProxy:
    """Listens on a port of its own for as long as the block takes; `url` leads through it."""

    def __init__(self, url: str) -> None:
        self._target = make_url(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._counts = Counts()
        self._server: asyncio.Server | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        port = self._server.sockets[0].getsockname()[1]
        query = {name: value for name, value in self._target.query.items() if name not in {"host", "port"}}
        here = self._target.set(host="127.0.0.1", port=port, query=query)
        self.url = here.render_as_string(hide_password=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def counts(self) -> Counts:
        """Return what has passed so far."""
        return self._counts

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await self._connected()
        ways = [
            asyncio.create_task(self._forward(reader, upstream_writer)),
            asyncio.create_task(_pipe(upstream_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for stream in (writer, upstream_writer):
                stream.close()
                with suppress(OSError):
                    await stream.wait_closed()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = self._target.host or str(self._target.query.get("host", "localhost"))
        port = self._target.port or int(str(self._target.query.get("port", 5432)))
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _forward(self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
        """Pass the client's messages on and count; the first ones have no type."""
        while True:
            head = await reader.readexactly(8)
            upstream.write(head + await reader.readexactly(int.from_bytes(head[:4]) - 8))
            await upstream.drain()
            if int.from_bytes(head[4:]) not in {_SSL, _GSS, _CANCEL}:
                break
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
            self._count(head[:1], body)
            upstream.write(head + body)
            await upstream.drain()

    def _count(self, kind: bytes, body: bytes) -> None:
        if kind in {b"Q", b"E"}:
            commands = len([part for part in body.rstrip(b"\0").split(b";") if part.strip()]) if kind == b"Q" else 1
            self._counts = Counts(self._counts.messages + 1, self._counts.statements + commands)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
