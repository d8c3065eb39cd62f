from __future__ import annotations

import httpx
import pytest
from tests.api.conftest import make_key
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


async def enqueued(client: httpx.AsyncClient, tenant: Tenant) -> str:
    """Enqueue an item over HTTP and return its address."""
    made = await client.post(f"/api/queues/{tenant.queue_id}/items", json={"payload": {"n": 1}, "task": "t"})
    return str(made.headers["location"])


async def test_a_waiting_item_is_changed_in_part(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Only the fields given of an item change, and only while it waits; null means the queue's own, or at once."""
    item = await enqueued(client, ours)
    before = (await client.get(item)).json()["data"]

    later = await client.patch(item, json={"scheduledFor": "2999-01-01T00:00:00Z", "payload": {"n": 2}, "tags": ["a"]})
    now = await client.patch(item, json={"scheduledFor": None, "task": None, "priority": 3, "maxAttempts": 9})
    refused = await client.patch(item, json={"priority": None, "uniqueKey": "k"})
    await client.post(f"/api/queues/{ours.queue_id}/claim", json={"limit": 1})
    held = await client.patch(item, json={"priority": 4})

    assert later.json()["data"] == before | {
        "scheduledFor": "2999-01-01T00:00:00Z", "payload": {"n": 2}, "tags": ["a"]
    }  # fmt: skip
    changed = {"scheduledFor": None, "task": None, "priority": 3, "maxAttempts": 9, "payload": {"n": 2}}
    assert now.json()["data"] | changed == now.json()["data"]
    assert (refused.status_code, refused.json()["details"].keys()) == (400, {"priority", "uniqueKey"})
    assert (held.status_code, held.json()["code"]) == (409, "CONFLICT")


async def test_of_two_who_change_an_item_at_once_the_later_is_told(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A change with the ETag of an item as it was is refused and changes nothing, also of its payload alone."""
    item = await enqueued(client, ours)
    seen = {"if-match": (await client.get(item)).headers["etag"]}

    first = await client.patch(item, json={"payload": {"n": 2}}, headers=seen)
    late = await client.patch(item, json={"priority": 7}, headers=seen)
    again = await client.patch(item, json={"priority": 8}, headers={"if-match": first.headers["etag"]})
    now = await client.get(item)

    assert [answer.status_code for answer in (first, late, again)] == [200, 412, 200]
    assert (now.json()["data"]["payload"], now.json()["data"]["priority"]) == ({"n": 2}, 8)
    assert now.headers["etag"] == again.headers["etag"]


@pytest.mark.parametrize("ended", [False, True])
async def test_who_deletes_another_version_is_told(client: httpx.AsyncClient, ours: Tenant, *, ended: bool) -> None:
    """An item that was changed since it was looked at stays, waiting or ended; with the ETag of now it goes."""
    item = await enqueued(client, ours)
    seen = {"if-match": (await client.get(item)).headers["etag"]}
    await client.patch(item, json={"payload": {"n": 2}})
    if ended:
        await client.post(f"{item}/cancel")

    late = await client.delete(item, headers=seen)
    now = {"if-match": (await client.get(item)).headers["etag"]}
    gone = [await client.delete(item, headers=now), await client.delete(item, headers=now)]

    assert (late.status_code, late.json()["code"]) == (412, "PRECONDITION_FAILED")
    assert [answer.status_code for answer in gone] == [204, 404]


async def test_an_item_is_cancelled_retried_and_deleted(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A waiting item that is cancelled has ended, can be retried and, while nobody works on it, deleted."""
    item = await enqueued(client, ours)

    cancelled = (await client.post(f"{item}/cancel")).json()["data"]
    again = await client.post(f"{item}/cancel", json={})
    retried = (await client.post(f"{item}/retry")).json()["data"]
    too_early = await client.post(f"{item}/retry")
    gone = [await client.delete(item), await client.get(item), await client.delete(item)]

    assert (cancelled["status"], retried["status"], retried["attempts"]) == ("cancelled", "waiting", 0)
    assert [answer.status_code for answer in (again, too_early)] == [409, 409]
    assert [answer.status_code for answer in gone] == [204, 404, 404]


async def test_a_held_item_ends_when_its_worker_has_stopped(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Cancelling an item that is worked on asks its worker to stop, within a deadline; until then it is not deleted."""
    item = await enqueued(client, ours)
    [held] = (await client.post(f"/api/queues/{ours.queue_id}/claim", json={"limit": 1})).json()["data"]

    kept = await client.delete(item)
    asked = (await client.post(f"{item}/cancel", json={"deadlineSeconds": 5})).json()["data"]
    told = await client.post(f"{item}/complete", json={"lease": held["lease"]})

    assert kept.status_code == 409
    assert (asked["status"], asked["cancelRequestedAt"] is None) == ("processing", False)
    assert (told.status_code, told.json()["code"]) == (409, "ITEM_CANCELLED")
    assert (await client.get(item)).json()["data"]["status"] == "cancelled"


async def test_items_of_other_queues_do_not_exist_for_a_key_of_some(
    client: httpx.AsyncClient, database: Database, ours: Tenant
) -> None:
    """A key that is for certain queues can change no item of another one."""
    other = (await client.post("/api/queues", json={"name": "other"})).json()["data"]["id"]
    item = await enqueued(client, ours)
    client.headers.update((await make_key(database, ours, queue_ids=[other])).headers)

    answers = [
        await client.patch(item, json={"priority": 1}),
        await client.delete(item),
        await client.post(f"{item}/cancel"),
        await client.post(f"{item}/retry"),
        await client.post(f"{item}/snooze", json={"lease": 1, "delaySeconds": 1}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 5
