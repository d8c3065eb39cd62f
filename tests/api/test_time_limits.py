from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import Key
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell

from fairlead.api import time_limits
from fairlead.db.session import Database
from fairlead.domain import limits
from fairlead.services.queues import update_queue

pytestmark = pytest.mark.anyio


async def test_a_body_that_does_not_come(
    app: FastAPI, database: Database, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body of which the rest does not come within the time limit is 408, and nothing was done."""
    monkeypatch.setattr(time_limits, "REQUEST_SECONDS", 0.2)
    parts: list[dict[str, Any]] = [{"type": "http.request", "body": b'{"name":', "more_body": True}]
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        return parts.pop() if parts else await asyncio.Future()

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/queues", "query_string": b"", "root_path": "",
        "headers": [(b"authorization", f"Bearer {key.raw}".encode()), (b"content-type", b"application/json")],
        "scheme": "http", "server": ("test", 80), "client": ("127.0.0.1", 1), "http_version": "1.1",
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 10)

    assert answers[0]["status"] == 408
    assert b"REQUEST_TIMEOUT" in answers[1]["body"]
    assert await tell(database, "select count(*) from queues where name <> 'work'") == [(0,)]


async def test_work_that_takes_too_long(
    client: httpx.AsyncClient, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not done within the time limit is given up with 503 and Retry-After, rolled back; in time it is done."""
    monkeypatch.setattr(time_limits, "REQUEST_SECONDS", 0.2)
    path = f"/api/queues/{ours.queue_id}"
    async with database.unit_of_work(ours.scope) as session:
        await update_queue(session, ours.scope, queue_id=ours.queue_id, max_attempts=7)
        late = await client.patch(path, json={"maxAttempts": 9})
    monkeypatch.undo()

    assert (late.status_code, late.json()["code"], late.headers["retry-after"]) == (503, "BUSY", "1")
    assert (await client.get(path)).json()["data"]["maxAttempts"] == 7
    assert (await client.patch(path, json={"maxAttempts": 9})).status_code == 200


async def test_a_claim_that_waits_has_its_own_time(
    client: httpx.AsyncClient, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time a claim may wait comes on top; the longest wait is accepted, and not needed when there is something."""
    monkeypatch.setattr(time_limits, "REQUEST_SECONDS", 0.5)
    path = f"/api/queues/{ours.queue_id}"

    waited = await client.post(f"{path}/claim", json={"limit": 1, "waitSeconds": 0.7})
    await client.post(f"{path}/items", json={"payload": {}})
    longest = await client.post(f"{path}/claim", json={"limit": 1, "waitSeconds": limits.WAIT_SECONDS})

    assert (waited.status_code, waited.json()["data"]) == (200, [])
    assert (longest.status_code, len(longest.json()["data"])) == (200, 1)
    assert (limits.REQUEST_SECONDS, limits.WAIT_SECONDS) == (15, 20)
