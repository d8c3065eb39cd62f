from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from starlette.types import Message
from tests.api.conftest import Key
from tests.fixtures.organizations import Tenant

from fairlead.domain import limits
from fairlead.domain.ids import is_id
from fairlead.errors import SchemaOutdated

pytestmark = pytest.mark.anyio
FIELDS = {"error", "code", "details", "requestId"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing/here", 404, "NOT_FOUND"),
        ("GET", "/api/queues/", 404, "NOT_FOUND"),
        ("DELETE", "/api/queues", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/live", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_router_answers_have_our_shape(
    client: httpx.AsyncClient, *, method: str, path: str, status: int, code: str
) -> None:
    """An unknown address and an unknown method are answered in the one shape of errors."""
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.json().keys() == FIELDS
    assert answer.json()["code"] == code
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/queues", "GET, HEAD, POST"),
        ("/api/items/cancel", "POST"),
        ("/api/items/k3f9x2m7q1w8e5r4t6y0u2i9", "DELETE, GET, HEAD, PATCH"),
    ],
)
async def test_an_unknown_method_is_told_the_known_ones(client: httpx.AsyncClient, *, path: str, allowed: str) -> None:
    """A method that an address does not know is answered with all that it knows, also where another address fits."""
    assert (await client.put(path)).headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/live", "/openapi.json", "/api/queues", "/api/queues/unknown", "/nothing"])
async def test_head_is_get_without_the_body(app: FastAPI, key: Key, path: str) -> None:
    """HEAD is answered wherever GET is, with its status and its headers, and nothing follows these."""
    (whole, body), (bare, nothing) = [await asked(app, method, path, key) for method in ("GET", "HEAD")]

    assert (bare["status"], named(bare)) == (whole["status"], named(whole))
    assert dict(bare["headers"])[b"content-length"] == b"%d" % len(body)
    assert nothing == b""


async def test_head_ends_where_get_would_not(app: FastAPI, key: Key) -> None:
    """HEAD of a stream tells its headers and ends; HEAD of what knows no GET is refused, with no body either."""
    stream, refused = [await asked(app, "HEAD", path, key) for path in ("/api/events", "/api/auth/sign-in")]

    assert (stream[0]["status"], stream[1]) == (200, b"")
    assert (refused[0]["status"], refused[1]) == (405, b"")


async def asked(app: FastAPI, method: str, path: str, key: Key) -> tuple[Message, bytes]:
    """Return the beginning and the body of an answer, as the server is given them."""
    sent, over = list[Message](), asyncio.Event()
    requests = iter([{"type": "http.request"}])

    async def receive() -> Message:
        if (request := next(requests, None)) is not None:
            return request
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        assert not over.is_set()
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            over.set()

    headers = [(name.lower().encode(), value.encode()) for name, value in key.headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
    await app({**scope, "scheme": "http", "server": ("test", 80), "client": ("127.0.0.1", 1)}, receive, send)
    assert over.is_set()
    return sent[0], b"".join(message.get("body", b"") for message in sent[1:])


def named(start: Message) -> set[bytes]:
    """Return the names of the headers of an answer."""
    return {name.lower() for name, _ in start["headers"]}


async def test_every_answer_has_a_request_id(client: httpx.AsyncClient) -> None:
    """Good and bad answers carry an id of the request, and an error's body the same one."""
    good, bad = await client.get("/live"), await client.get("/nothing")

    assert is_id(good.headers["x-request-id"])
    assert bad.json()["requestId"] == bad.headers["x-request-id"] != good.headers["x-request-id"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc_DEF-123", True), ("a" * 64, True), ("a" * 65, False), ("", False), ("a b", False), ("<script>", False)],
)
async def test_given_request_ids(client: httpx.AsyncClient, *, given: str, kept: bool) -> None:
    """A request id from outside is taken over only when it is short and harmless."""
    answer = await client.get("/live", headers={"x-request-id": given})

    assert (answer.headers["x-request-id"] == given) == kept


@pytest.mark.parametrize("error", [RuntimeError("a secret detail"), SchemaOutdated("a secret detail")])
async def test_unexpected_errors_say_nothing_but_the_request_id(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, *, error: Exception
) -> None:
    """A defect or a broken installation is 500 without any detail; the log has it, under the same request id."""

    async def broken(*_given: Any, **_more: Any) -> None:
        raise error

    monkeypatch.setattr("fairlead.api.queues.get_queue_page", broken)
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        answer = await client.get("/api/queues")

    assert answer.status_code == 500
    assert answer.json() == {
        "error": "Something went wrong on our side.",
        "code": "INTERNAL",
        "details": {},
        "requestId": answer.headers["x-request-id"],
    }
    [entry] = [entry for entry in logs if entry["event"] == "request_failed"]
    assert entry["request_id"] == answer.headers["x-request-id"]


async def test_no_key_and_no_payload_is_logged(
    client: httpx.AsyncClient, key: Key, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the key nor the payload of a request that fails gets into the log."""

    async def broken(*_given: Any, **_more: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("fairlead.services.enqueuer.Enqueuer.put", broken)
    with structlog.testing.capture_logs() as logs:
        await client.post(f"/api/queues/{ours.queue_id}/items", json={"payload": {"card": "4111"}})

    text = json.dumps(logs, default=str)
    assert logs
    assert key.raw not in text
    assert "4111" not in text


async def test_the_head_has_a_limit(client: httpx.AsyncClient) -> None:
    """Address and headers of exactly the limit are let in; one byte more is 431 in the one shape of errors."""
    sent = client.build_request("GET", "/api/queues", headers={"X-Fill": ""})
    size = len(sent.url.raw_path) + sum(len(name) + len(value) for name, value in sent.headers.raw)
    fill = "x" * (limits.HEADER_BYTES - size)

    fits = await client.get("/api/queues", headers={"X-Fill": fill})
    refused = await client.get("/api/queues", headers={"X-Fill": fill + "x"})

    assert fits.status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (431, "HEADERS_TOO_LARGE")
    assert refused.json().keys() == FIELDS
    assert limits.HEADER_BYTES == 16 * 1024
