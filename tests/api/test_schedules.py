from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.api.conftest import make_key
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.ids import new_id

pytestmark = pytest.mark.anyio


async def made(client: httpx.AsyncClient, tenant: Tenant, **values: Any) -> httpx.Response:
    """Make a schedule over HTTP."""
    body = {"queueId": tenant.queue_id, "name": "nightly", "cron": "0 3 * * *", **values}
    return await client.post("/api/schedules", json=body)


async def test_a_schedule_is_made_changed_and_deleted(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A schedule is read back as made, changed in part, found in lists, and gone when deleted."""
    created = await made(client, ours, timeZone="Europe/Berlin", payload={"n": 1}, missedRuns="catch_up")
    path, before = created.headers["location"], created.json()["data"]

    changed = await client.patch(
        path, json={"priority": 5, "cron": "0 4 * * *"}, headers={"If-Match": created.headers["etag"]}
    )
    overtaken = await client.patch(path, json={"priority": 6}, headers={"If-Match": created.headers["etag"]})
    found = (await client.get("/api/schedules", params={"search": "NIGHT", "queueId": ours.queue_id})).json()
    other = (await client.get("/api/schedules", params={"queueId": new_id()})).json()
    gone = [await client.delete(path), await client.get(path)]

    assert created.status_code == 201
    expected = {"timeZone": "Europe/Berlin", "payload": {"n": 1}, "missedRuns": "catch_up", "catchUpLimit": 10}
    assert before | expected == before
    after = changed.json()["data"]
    assert before | {"priority": 5, "cron": "0 4 * * *"} == after | {
        "updatedAt": before["updatedAt"], "nextRunAt": before["nextRunAt"]
    }  # fmt: skip
    assert overtaken.status_code == 412
    assert (found["data"], found["pagination"]["total"], other["data"]) == ([after], 1, [])
    assert [answer.status_code for answer in gone] == [204, 404]


async def test_a_schedule_is_paused_resumed_and_run(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A paused schedule has no next tick and still tells its ticks; run at once, it makes its item paused or not."""
    path = (await made(client, ours, task="tidy", payload={"n": 1})).headers["location"]

    paused = (await client.post(f"{path}/pause")).json()["data"]
    listed = (await client.get("/api/schedules", params={"paused": "true"})).json()["pagination"]["total"]
    ran = await client.post(f"{path}/run")
    ticks = (await client.get(f"{path}/ticks", params={"count": 2})).json()["data"]
    resumed = (await client.post(f"{path}/resume")).json()["data"]

    assert (paused["nextRunAt"], paused["pausedAt"] is None, listed) == (None, False, 1)
    assert (resumed["nextRunAt"], resumed["pausedAt"]) == (ticks[0], None)
    assert len(ticks) == 2
    item = ran.json()["data"]
    assert (ran.status_code, item["task"], item["payload"], item["status"]) == (201, "tidy", {"n": 1}, "waiting")
    assert (await client.get(ran.headers["location"])).json() == ran.json()


async def test_wrong_schedules_are_named(client: httpx.AsyncClient, ours: Tenant) -> None:
    """An expression, a zone or a rule that cannot be is refused by name, a taken name and an unknown queue as such."""
    assert (await made(client, ours)).status_code == 201
    for values, status, wrong in (
        ({}, 409, {"name"}),
        ({"name": "other", "queueId": new_id()}, 404, set()),
        ({"name": "other", "cron": "61 * * * *"}, 400, {"cron"}),
        ({"name": "other", "timeZone": "Mars/Olympus"}, 400, {"timeZone"}),
        ({"name": " ", "missedRuns": "never", "catchUpLimit": 0}, 400, {"name", "missedRuns", "catchUpLimit"}),
    ):
        refused = await made(client, ours, **values)
        assert (refused.status_code, refused.json()["details"].keys()) == (status, wrong), refused.text
    preview = await client.post("/api/schedules/preview", json={"cron": "0 0 29 2 *", "count": 3})
    wrong_preview = await client.post("/api/schedules/preview", json={"cron": "x", "count": 101})
    assert [tick[4:] for tick in preview.json()["data"]] == ["-02-29T00:00:00Z"] * 3
    assert wrong_preview.json()["details"].keys() == {"count"}


async def test_a_key_of_some_queues_sees_their_schedules(
    client: httpx.AsyncClient, database: Database, ours: Tenant
) -> None:
    """To a key that is for certain queues the schedules of others do not exist, and it makes and moves none there."""
    hidden = (await made(client, ours)).headers["location"]
    other = (await client.post("/api/queues", json={"name": "other"})).json()["data"]["id"]
    client.headers.update((await make_key(database, ours, queue_ids=[other])).headers)
    own = (await made(client, ours, queueId=other, name="own")).headers["location"]

    answers = [
        await client.get(hidden),
        await client.patch(hidden, json={}),
        await client.delete(hidden),
        await client.post(f"{hidden}/pause"),
        await client.post(f"{hidden}/resume"),
        await client.post(f"{hidden}/run"),
        await client.get(f"{hidden}/ticks"),
        await made(client, ours, name="there"),
        await client.patch(own, json={"queueId": ours.queue_id}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 9
    assert [one["name"] for one in (await client.get("/api/schedules")).json()["data"]] == ["own"]
