"""Requests that end in the middle: a client of raw sockets that hangs up after any byte of what it sends or gets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

import orjson

_PATIENCE = 0.02  # of somebody who hangs up while the server works


@dataclass(frozen=True)
class Party:
    """One organization at the server: its key, its queue, and the mark that stands in whatever it sends."""

    mark: str
    key: str
    queue_id: str

    def requests(self) -> Sequence[bytes]:
        """Return a request of each kind: enqueueing, making, claiming, changing, reading."""
        items, claim = f"/api/queues/{self.queue_id}/items", f"/api/queues/{self.queue_id}/claim"
        one = {"payload": {"mark": self.mark, "padding": "x" * 300}}
        return [
            self.request("POST", items, one),
            self.request("POST", items, one, **{"Idempotency-Key": f"of {self.mark}"}),
            self.request("POST", f"{items}/batch", {"items": [one] * 20}),
            self.request("POST", claim, {"limit": 5, "leaseSeconds": 60, "workerId": self.mark}),
            self.request("PATCH", f"/api/queues/{self.queue_id}", {"description": self.mark}),
            self.request("GET", f"{items}?limit=50"),
            self.request("GET", f"/api/queues/{self.queue_id}/stats"),
        ]

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        """Return the bytes of a request that ends its connection."""
        sent = b"" if body is None else orjson.dumps(body)
        told = {
            "Host": "fairlead.test", "Connection": "close", "Authorization": f"Bearer {self.key}",
            "Content-Length": str(len(sent)), **({"Content-Type": "application/json"} if sent else {}), **headers,
        }  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + sent


@dataclass
class Heard:
    """What one organization got to read, and how many of its requests arrived whole."""

    party: Party
    whole: int = 0
    answers: list[bytes] = field(default_factory=list)

    def contains(self, mark: str) -> bool:
        """Tell whether a mark stands in any of it."""
        return any(mark.encode() in answer for answer in self.answers)


async def cut(address: str, heard: Heard, request: bytes, dice: Random) -> None:
    """Send a request and hang up: while sending, while waiting or while reading; now and then not at all."""
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        sent = len(request) if dice.random() < 0.6 else dice.randrange(len(request))
        writer.write(request[:sent])
        await writer.drain()
        if sent == len(request):
            heard.whole += 1
            heard.answers.append(await _read(reader, dice))
    except ConnectionError:
        return
    finally:
        writer.transport.abort() if dice.random() < 0.5 else writer.close()


async def _read(reader: asyncio.StreamReader, dice: Random) -> bytes:
    chance = dice.random()
    if chance < 0.3:
        return await reader.read()
    try:
        async with asyncio.timeout(_PATIENCE * dice.random()):
            return await reader.read(dice.randint(0, 600))
    except TimeoutError:
        return b""
