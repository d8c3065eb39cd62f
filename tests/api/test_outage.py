from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from tests.api.conftest import PEPPER, Key
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until, until_blocked

from fairlead.api.app import create_app
from fairlead.bootstrap import Resources
from fairlead.db import session as session_module
from fairlead.db.connect import DatabaseOptions
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.errors import Busy

pytestmark = pytest.mark.anyio


def _end_connections(url: str) -> None:
    """End every connection of the tests' pool from the outside, as a restart of the server would."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tests' "
            "and datname = current_database() and pid <> pg_backend_pid()"
        )


async def test_ended_connections_cost_temporary_errors_only(client: httpx.AsyncClient, database: Database) -> None:
    """After the server ended every connection, each costs at most one 503, never a 500; then all is well again."""
    await asyncio.gather(*[client.get("/api/queues") for _ in range(4)])

    _end_connections(database.options.url)
    statuses = [(await client.get("/api/queues")).status_code for _ in range(database.options.pool_size + 5)]

    assert set(statuses) <= {200, 503}
    assert statuses[-5:] == [200] * 5


async def test_outage_is_temporary(key: Key, ours: Tenant) -> None:
    """While the database is away every route answers 503 with Retry-After, except the one that asks only us."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody:nothing@127.0.0.1:{closed.getsockname()[1]}/none"
        database = Database(DatabaseOptions(url=url))
        resources = Resources(database, Notifier(database.options), url, PEPPER)
        transport = httpx.ASGITransport(app=create_app(resources))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://fairlead.test", headers=key.headers
        ) as client:
            live = await client.get("/live")
            answers = [
                await client.get("/ready"),
                await client.get("/api/queues"),
                await client.post(f"/api/queues/{ours.queue_id}/items", json={"payload": {}}),
            ]
        await database.close()

    assert live.status_code == 200
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["code"] == "DATABASE_UNAVAILABLE"
        assert int(answer.headers["retry-after"]) >= 1


async def test_readiness_has_a_time_limit(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that takes the connection and then says nothing is not ready, and saying so does not hang."""
    monkeypatch.setattr("fairlead.api.health.READY_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://nobody:nothing@127.0.0.1:{mute.getsockname()[1]}/none"
        database = Database(DatabaseOptions(url=url))
        app = create_app(Resources(database, resources.notifier, url, PEPPER))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
            answer = await client.get("/ready")
        await database.close()

    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_cancelled_request_leaves_nothing(client: httpx.AsyncClient, ours: Tenant, database: Database) -> None:
    """A request that is cancelled inside its transaction changes nothing, and its connection is used again."""
    enqueue = f"/api/queues/{ours.queue_id}/items"
    with psycopg.connect(database.options.url) as blocker:
        blocker.execute("set role fairlead_system")
        blocker.execute("select from queues where id = %s for update", [ours.queue_id])
        request = asyncio.ensure_future(client.post(f"{enqueue}/batch", json={"items": [{"payload": {}}]}))
        await until_blocked(database)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    listed = await client.get(enqueue)

    assert listed.json()["pagination"]["total"] == 0
    assert (await client.post(enqueue, json={"payload": {}})).status_code == 201


async def test_answer_leaves_only_after_the_commit(
    client: httpx.AsyncClient, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the commit itself fails, nobody is told that it worked."""
    end, ends = session_module._end, 0

    async def failing(driver: psycopg.AsyncConnection[Any]) -> None:
        nonlocal ends
        ends += 1
        if ends == 2:  # the first is the key's check
            raise psycopg.OperationalError
        await end(driver)

    path = f"/api/queues/{ours.queue_id}/items"
    monkeypatch.setattr(session_module, "_end", failing)

    answer = await client.post(f"{path}/batch", json={"items": [{"payload": {}, "uniqueKey": "u"}]})  # no one message

    assert answer.status_code == 503
    assert (await client.get(path)).json()["data"] == []


async def test_item_that_cannot_be_read_is_not_denied(
    client: httpx.AsyncClient, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When an item was enqueued but cannot be read for the answer, the client is told not to send it again."""

    async def failing(*_: object, **__: object) -> None:
        raise Busy

    path = f"/api/queues/{ours.queue_id}/items"
    with monkeypatch.context() as patch:
        patch.setattr("fairlead.services.shared_reads.find_items", failing)
        answer = await client.post(path, json={"payload": {}, "delaySeconds": 60})

    assert answer.status_code == 503
    assert "do not send it again" in answer.json()["error"]
    [item] = (await client.get(path)).json()["data"]
    assert item["id"] in answer.json()["error"]


async def test_client_that_leaves_while_sending_changes_nothing(
    app: FastAPI, client: httpx.AsyncClient, key: Key, ours: Tenant
) -> None:
    """A client that goes away in the middle of its body is no failure of ours and changes nothing."""
    path = f"/api/queues/{ours.queue_id}/items"
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"payload": {', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent = await _call(app, path, key, lambda: _next(messages))

    assert [message["status"] for message in sent if "status" in message] == [400]
    assert (await client.get(path)).json()["data"] == []


async def test_waiting_claim_ends_with_its_client(app: FastAPI, key: Key, ours: Tenant) -> None:
    """A claim that waits stops asking as soon as its client is gone."""
    body = b'{"limit": 1, "waitSeconds": 20}'
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]
    asked_at = asyncio.get_running_loop().time()
    await _call(app, f"/api/queues/{ours.queue_id}/claim", key, lambda: _next(messages))

    assert asyncio.get_running_loop().time() - asked_at < 5


async def test_waiting_claim_gets_what_comes(client: httpx.AsyncClient, ours: Tenant, database: Database) -> None:
    """A claim that found nothing gets an item that is enqueued while it waits, and holds no connection until then."""
    queue = f"/api/queues/{ours.queue_id}"
    waiting = asyncio.ensure_future(client.post(f"{queue}/claim", json={"limit": 1, "waitSeconds": 20}))

    async def idle() -> bool:
        with psycopg.connect(database.options.url, autocommit=True) as connection:
            rows = connection.execute(
                "select state from pg_stat_activity where application_name = 'tests' and datname = current_database()"
            ).fetchall()
        return bool(rows) and {row[0] for row in rows} == {"idle"}

    await until(idle, what="the waiting claim holds no transaction")
    made = await client.post(f"{queue}/items", json={"payload": {}})
    claimed = await waiting

    assert [item["id"] for item in claimed.json()["data"]] == [made.json()["data"]["id"]]


async def _next(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return messages.pop(0) if len(messages) > 1 else messages[0]


async def _call(
    app: FastAPI, path: str, key: Key, receive: Callable[[], Awaitable[dict[str, Any]]]
) -> list[MutableMapping[str, Any]]:
    """Call the application as a server would, with messages that no client library sends."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {key.raw}".encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("fairlead.test", 80),
    }
    await app(scope, receive, send)
    return sent
