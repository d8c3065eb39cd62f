from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.api.conftest import Key
from tests.fixtures.items import FLEET, enqueue_some, row_of
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until

from fairlead.api import wakings as module
from fairlead.api.wakings import Wakings
from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks unasked, so that what ends a wait is a wake-up."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(module, "DEAF_LOOK_SECONDS", 3600.0)


async def all_listening(wakings: Wakings, queue_id: str, waiting: int) -> None:
    """Return when so many claims wait for a queue, and each has looked and will hear."""

    async def ready() -> bool:
        waiters = wakings._waiting.get(queue_id, {})
        return wakings._hears and len(waiters) == waiting and not any(one.news.is_set() for one in waiters)

    await until(ready, what=f"{waiting} claims wait")


async def test_a_wake_up_ends_a_wait(
    app: FastAPI, client: httpx.AsyncClient, database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """A claim that waits gets what is enqueued meanwhile; a wake-up of another queue is not for it."""
    path = f"/api/queues/{ours.queue_id}"
    claim = asyncio.create_task(client.post(f"{path}/claim", json={"limit": 1, "waitSeconds": 20}))
    await all_listening(app.state.wakings, ours.queue_id, 1)
    await enqueue_some(database, theirs)
    app.state.wakings.hear(theirs.queue_id)

    made = (await client.post(f"{path}/items", json={"payload": {}})).json()["data"]

    [item] = (await asyncio.wait_for(claim, 10)).json()["data"]
    assert item["id"] == made["id"]
    assert app.state.wakings._waiting == {}


async def test_a_crowd_shares_what_comes(app: FastAPI, client: httpx.AsyncClient, ours: Tenant) -> None:
    """Of many claims that wait, each gets an item of a batch that comes with one wake-up; a full one wakes the next."""
    path = f"/api/queues/{ours.queue_id}"
    claims = [asyncio.create_task(client.post(f"{path}/claim", json={"limit": 1, "waitSeconds": 20})) for _ in range(8)]
    await all_listening(app.state.wakings, ours.queue_id, 8)

    made = (await client.post(f"{path}/items/batch", json={"items": [{"payload": {}}] * 8})).json()["data"]["ids"]

    answers = await asyncio.wait_for(asyncio.gather(*claims), 10)
    assert sorted(item["id"] for answer in answers for item in answer.json()["data"]) == sorted(made)


async def test_a_wait_ends_with_its_time(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A claim that waited in vain answers an empty list."""
    answer = await client.post(f"/api/queues/{ours.queue_id}/claim", json={"limit": 1, "waitSeconds": 0.05})
    assert (answer.status_code, answer.json()) == (200, {"data": []})


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("update api_keys set revoked_at = now() where id = :key", 401),
        ("update api_keys set scopes = '{items:enqueue}' where id = :key", 403),
        ("update api_keys set queue_ids = '{}' where id = :key", 404),
    ],
    ids=["revoked", "without the scope", "for other queues"],
)
async def test_who_loses_the_right_while_waiting_is_refused(
    app: FastAPI, client: httpx.AsyncClient, key: Key, database: Database, ours: Tenant, *, change: str, status: int
) -> None:
    """A claim that waits looks for nothing any more when what it showed does not let it in as things are by then."""
    claim = asyncio.create_task(client.post(f"/api/queues/{ours.queue_id}/claim", json={"limit": 1, "waitSeconds": 20}))
    await all_listening(app.state.wakings, ours.queue_id, 1)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text(change).bindparams(key=key.id))
    app.state.wakings.hear(ours.queue_id)

    assert (await asyncio.wait_for(claim, 10)).status_code == status


async def test_a_client_that_goes_takes_nothing(
    app: FastAPI, client: httpx.AsyncClient, database: Database, ours: Tenant, key: Key
) -> None:
    """When the client goes while it waits, nothing is claimed for it, and its wake-up is passed on."""
    hangs_up = asyncio.Event()
    gone = asyncio.create_task(_hang_up(app, key, ours.queue_id, hangs_up))
    await all_listening(app.state.wakings, ours.queue_id, 1)
    hangs_up.set()
    await asyncio.wait_for(gone, 10)

    made = (await client.post(f"/api/queues/{ours.queue_id}/items", json={"payload": {}})).json()["data"]
    assert (await row_of(database, ours, made["id"]))["claims"] == 0


async def test_what_comes_too_late_is_given_back(
    app: FastAPI, database: Database, ours: Tenant, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was claimed while the client was going waits again, and the attempt does not count."""
    hangs_up = asyncio.Event()
    [item_id] = await enqueue_some(database, ours)
    claimed = Wakings.found

    def found(wakings: Wakings, queue_id: str) -> None:
        hangs_up.set()
        claimed(wakings, queue_id)

    monkeypatch.setattr(Wakings, "found", found)
    await asyncio.wait_for(_hang_up(app, key, ours.queue_id, hangs_up), 10)

    row = await row_of(database, ours, item_id)
    assert (row["status"], row["attempts"], row["claims"]) == ("waiting", 0, 1)


async def test_one_wake_up_lets_one_look(database: Database) -> None:
    """A wake-up is the first waiter's, success lets two more look, and who leaves without looking passes it on."""
    wakings = Wakings(database)
    with wakings.waiting("q") as first, wakings.waiting("q") as second:
        with wakings.waiting("q") as third:
            wakings.hear("q")
            assert [one.news.is_set() for one in (first, second, third)] == [True, False, False]
            await first.look_again(within=1)
            wakings.found("q")
            assert [one.news.is_set() for one in (first, second, third)] == [True, True, False]
            await first.look_again(within=1)
            await second.look_again(within=1)
            third.news.set()
        assert [one.news.is_set() for one in (first, second)] == [True, False]
    await wakings.close()


async def test_closing_ends_all_waits(app: FastAPI, client: httpx.AsyncClient, ours: Tenant) -> None:
    """When the server stops, claims that wait answer at once, and later ones do not wait."""
    path, body = f"/api/queues/{ours.queue_id}/claim", {"limit": 1, "waitSeconds": 20}
    claim = asyncio.create_task(client.post(path, json=body))
    await all_listening(app.state.wakings, ours.queue_id, 1)

    await app.state.wakings.close()

    assert (await asyncio.wait_for(claim, 10)).json() == {"data": []}
    assert (await asyncio.wait_for(client.post(path, json=body), 10)).json() == {"data": []}


async def _hang_up(app: FastAPI, key: Key, queue_id: str, hangs_up: asyncio.Event) -> None:
    """Send a claim that waits, as a server would, whose client goes when it is told to."""
    body = json.dumps({"limit": 1, "waitSeconds": 20}).encode()
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        if (part := next(parts, None)) is not None:
            return part
        await hangs_up.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        return None

    scope = {
        "type": "http", "method": "POST", "path": f"/api/queues/{queue_id}/claim", "query_string": b"", "root_path": "",
        "headers": [(b"authorization", f"Bearer {key.raw}".encode()), (b"content-type", b"application/json")],
        "scheme": "http", "server": ("test", 80), "client": ("127.0.0.1", 1), "http_version": "1.1",
    }  # fmt: skip
    await app(scope, receive, send)
