"""Operations of the document, and asking the application for one without a network or a client in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from fastapi import FastAPI
from tests.matrix.row import USUAL, Row, Way
from tests.tenancy.world import Target

from fairlead.api.mounting import ORGANIZATION
from fairlead.api.openapi import document

_PLACE: Final = b"\nid: "
_LONG: Final = "InOrganization"


@dataclass(frozen=True)
class Operation:
    """One operation of the document; `name` is the same for both of its addresses."""

    method: str
    path: str
    name: str

    @property
    def names_an_organization(self) -> bool:
        """Tell whether its path does."""
        return self.path.startswith(ORGANIZATION)

    @property
    def label(self) -> str:
        """What it is called in a list of tests."""
        return f"{self.method} {self.path}"

    def ids(self, row: Row, at: Target) -> dict[str, str]:
        """Return what stands in its path, of whose things."""
        fields = USUAL | dict(row.path)
        return {name: getattr(at, fields[name]) for name in _parameters(self.path)}


@dataclass(frozen=True)
class Answer:
    """What came back, all of it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def operations() -> Iterator[Operation]:
    """Yield every operation of the document that is below /api."""
    for path, methods in document()["paths"].items():
        for method, described in methods.items():
            if path.startswith("/api/"):
                yield Operation(method.upper(), path, described["operationId"].removesuffix(_LONG))


async def ask(
    app: FastAPI, operation: Operation, *, ids: Mapping[str, str], way: Way, at: Target, headers: Mapping[str, str]
) -> Answer:
    """Ask for an operation with these ids in its path, aimed in one way at somebody's things."""
    sent = b"" if way.body is None else orjson.dumps(way.body(at))
    given = {"x-request-id": "the-same", "content-type": "application/json", **headers, **way.headers(at)}
    scope = {
        "type": "http",
        "method": operation.method,
        "path": operation.path.format(**ids),
        "query_string": urlencode(way.query(at)).encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        "app": app,
        "state": {},
    }
    return await _asked(app, scope, sent)


async def _asked(app: FastAPI, scope: dict[str, Any], sent: bytes) -> Answer:
    answer: dict[str, Any] = {}
    body, asked, told = bytearray(), False, asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": sent}
        await told.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.update(message)
        else:
            body.extend(message.get("body", b""))
            if _PLACE in body:  # of a stream, which has told all there is
                told.set()

    await app(scope, receive, send)
    return Answer(answer["status"], tuple(sorted(answer["headers"])), bytes(body))


def _parameters(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
