from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.api.conftest import Key, make_key
from tests.fixtures.organizations import Tenant, make_tenant

from fairlead.db.session import Database
from fairlead.domain import limits

pytestmark = pytest.mark.anyio


async def test_created_queue_is_read_back(client: httpx.AsyncClient, key: Key) -> None:
    """Creating answers 201 with the queue, its rules filled in, and its address."""
    made = await client.post("/api/queues", json={"name": "thumbnails"})

    assert made.status_code == 201
    queue = made.json()["data"]
    assert (
        queue
        | {
            "name": "thumbnails",
            "description": None,
            "maxConcurrency": 5,
            "maxAttempts": 3,
            "leaseSeconds": 30,
            "backoffPolicy": "exponential",
            "backoffJitter": True,
            "pausedAt": None,
            "createdBy": key.user_id,
        }
        == queue
    )
    assert made.headers["location"] == f"/api/queues/{queue['id']}"
    assert (await client.get(made.headers["location"])).json() == made.json()


async def test_rules_can_be_given(client: httpx.AsyncClient) -> None:
    """Every rule can be given; a null concurrency means unlimited."""
    rules = {
        "description": "Two\nlines",
        "maxConcurrency": None,
        "maxAttempts": 1,
        "leaseSeconds": 5,
        "backoffPolicy": "fixed",
        "backoffBaseSeconds": 0.5,
        "backoffFactor": 1,
        "backoffCapSeconds": 60,
        "backoffJitter": False,
        "backoffDelays": [1, 2.5],
        "rateLimit": 100,
        "ratePeriodSeconds": 3600,
        "maxDepth": 1000,
        "retentionSeconds": None,
    }

    queue = (await client.post("/api/queues", json={"name": "rules", **rules})).json()["data"]

    assert queue | rules == queue


async def test_names_are_unique_in_an_organization(
    client: httpx.AsyncClient, database: Database, theirs: Tenant
) -> None:
    """A name that is taken is a conflict inside one organization, and free in another."""
    again = await client.post("/api/queues", json={"name": "work"})
    client.headers.update((await make_key(database, theirs)).headers)
    elsewhere = await client.post("/api/queues", json={"name": "work2"})

    assert again.status_code == 409
    assert again.json()["code"] == "CONFLICT"
    assert again.json()["details"].keys() == {"name"}
    assert elsewhere.status_code == 201


@pytest.mark.parametrize(
    ("field", "fits", "too_much"),
    [
        ("name", "n" * limits.NAME_CHARACTERS, "n" * (limits.NAME_CHARACTERS + 1)),
        ("name", "Grüße ✓", "  "),
        ("description", "d" * limits.DESCRIPTION_CHARACTERS, "d" * (limits.DESCRIPTION_CHARACTERS + 1)),
        ("maxConcurrency", limits.MAX_CONCURRENCY, limits.MAX_CONCURRENCY + 1),
        ("maxConcurrency", 1, 0),
        ("maxAttempts", limits.MAX_ATTEMPTS, limits.MAX_ATTEMPTS + 1),
        ("leaseSeconds", limits.LEASE_SECONDS, limits.LEASE_SECONDS + 1),
        ("rateLimit", limits.RATE, limits.RATE + 1),
        ("rateLimit", 1, 0),
        ("ratePeriodSeconds", limits.DELAY_SECONDS, limits.DELAY_SECONDS + 1),
        ("maxDepth", limits.QUEUE_DEPTH, limits.QUEUE_DEPTH + 1),
        ("retentionSeconds", limits.RETENTION_SECONDS, limits.RETENTION_SECONDS + 1),
        ("backoffFactor", 100, 100.5),
        ("backoffPolicy", "linear", "random"),
        ("backoffJitter", True, 1),
        ("backoffCapSeconds", limits.DELAY_SECONDS, limits.DELAY_SECONDS + 1),
    ],
)
async def test_limits_of_a_rule(client: httpx.AsyncClient, *, field: str, fits: Any, too_much: Any) -> None:
    """What is exactly at a limit is accepted; what is beyond it is refused by name."""
    accepted = await client.post("/api/queues", json={"name": "one", field: fits})
    refused = await client.post("/api/queues", json={"name": "two", field: too_much})

    assert accepted.status_code == 201, accepted.text
    assert refused.status_code == 400
    assert refused.json()["details"].keys() == {field}


async def test_search_is_literal_and_knows_no_case(client: httpx.AsyncClient) -> None:
    """A search finds part of a name in any case, and takes wildcards and backslashes as they are."""
    for name in ("100% done", "1000 done", "under_score", "underXscore", "back\\slash", "Ärger"):
        assert (await client.post("/api/queues", json={"name": name})).status_code == 201

    async def found(search: str) -> list[str]:
        listed = (await client.get("/api/queues", params={"search": search})).json()
        assert listed["pagination"]["total"] == len(listed["data"])
        return [queue["name"] for queue in listed["data"]]

    assert await found("100%") == ["100% done"]
    assert await found("R_S") == ["under_score"]
    assert await found("K\\S") == ["back\\slash"]
    assert await found("DONE") == ["1000 done", "100% done"]
    assert await found("äRGER") == ["Ärger"]
    assert await found("nothing like it") == []


@pytest.mark.parametrize("search", ["a\x00b", "x" * 101])
async def test_impossible_search_is_named(client: httpx.AsyncClient, *, search: str) -> None:
    """A search that no name can contain is refused by name, not answered with an error of ours."""
    refused = await client.get("/api/queues", params={"search": search})

    assert refused.status_code == 400
    assert refused.json()["details"].keys() == {"search"}


async def test_key_for_one_queue_sees_that_queue_only(
    client: httpx.AsyncClient, database: Database, ours: Tenant
) -> None:
    """To a key that is for certain queues, the others do not exist, and it makes no new ones."""
    other = (await client.post("/api/queues", json={"name": "other"})).json()["data"]["id"]
    held = (await client.post(f"/api/queues/{other}/items", json={"payload": {}})).json()["data"]["id"]
    client.headers.update((await make_key(database, ours, queue_ids=[ours.queue_id])).headers)

    listed = (await client.get("/api/queues")).json()

    assert [queue["id"] for queue in listed["data"]] == [ours.queue_id]
    assert listed["pagination"]["total"] == 1
    assert (await client.get(f"/api/queues/{other}")).status_code == 404
    assert (await client.post(f"/api/queues/{other}/items", json={"payload": {}})).status_code == 404
    assert (await client.get(f"/api/items/{held}")).status_code == 404
    assert (await client.post(f"/api/items/{held}/complete", json={"lease": 1})).status_code == 404
    assert (await client.post(f"/api/queues/{ours.queue_id}/items", json={"payload": {}})).status_code == 201
    assert (await client.post("/api/queues", json={"name": "third"})).status_code == 403


async def test_deleted_queue_is_gone(client: httpx.AsyncClient, database: Database) -> None:
    """A deleted queue is not found, not listed, takes nothing and gives nothing."""
    gone = await make_tenant(database, deleted_at="2026-01-01T00:00:00Z")
    client.headers.update((await make_key(database, gone)).headers)
    queue = f"/api/queues/{gone.queue_id}"

    assert (await client.get("/api/queues")).json()["data"] == []
    assert (await client.get(queue)).status_code == 404
    assert (await client.get(f"{queue}/items")).status_code == 404
    assert (await client.post(f"{queue}/items", json={"payload": {}})).status_code == 404
    assert (await client.post(f"{queue}/claim", json={"limit": 1})).status_code == 404


async def test_a_queue_is_changed_in_part(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Only the fields given change, null lifts a limit, and what is wrong is refused by name."""
    path = f"/api/queues/{ours.queue_id}"
    before = (await client.get(path)).json()["data"]

    same = await client.patch(path, json={})
    changed = await client.patch(
        path, json={"name": "more", "backoffFactor": 3, "maxDepth": 7, "retentionSeconds": None}
    )
    lifted = await client.patch(path, json={"maxDepth": None})
    refused = await client.patch(path, json={"maxAttempts": None, "name": " ", "id": "x"})
    listless = await client.patch(path, json={"backoffPolicy": "list"})

    assert same.json()["data"] == before
    named = {"name": "more", "backoffFactor": 3, "maxDepth": 7, "retentionSeconds": None}
    assert before | named | {"updatedAt": changed.json()["data"]["updatedAt"]} == changed.json()["data"]
    assert lifted.json()["data"]["maxDepth"] is None
    assert (refused.status_code, refused.json()["details"].keys()) == (400, {"maxAttempts", "name", "id"})
    assert (listless.status_code, listless.json()["details"].keys()) == (400, {"backoffDelays"})


async def test_a_change_holds_for_what_was_seen(client: httpx.AsyncClient, ours: Tenant) -> None:
    """With If-Match a change of another version than the one named is 412 and changes nothing; `*` names any."""
    path = f"/api/queues/{ours.queue_id}"
    seen = (await client.get(path)).headers["etag"]

    first = await client.patch(path, json={"maxAttempts": 4}, headers={"If-Match": seen})
    second = await client.patch(path, json={"maxAttempts": 5}, headers={"If-Match": seen})
    gone = await client.delete(path, headers={"If-Match": seen})
    wild = await client.patch(path, json={"maxAttempts": 6}, headers={"If-Match": "*"})
    removed = await client.delete(path, headers={"If-Match": wild.headers["etag"]})

    assert first.status_code == wild.status_code == 200
    assert first.headers["etag"] != seen
    assert [answer.json()["code"] for answer in (second, gone)] == ["PRECONDITION_FAILED"] * 2
    assert second.status_code == gone.status_code == 412
    assert removed.status_code == 204


async def test_a_deleted_queue_can_be_restored(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Deleting hides a queue with its items until it is restored; deleting it for good leaves nothing."""
    path = f"/api/queues/{ours.queue_id}"
    await client.post(f"{path}/items", json={"payload": {}})

    gone = [await client.delete(path), await client.get(path), await client.delete(path)]
    listed = (await client.get("/api/queues", params={"deleted": "true"})).json()["data"]
    restored = await client.post(f"{path}/restore")
    waiting = (await client.get(f"{path}/stats")).json()["data"]["waiting"]
    for_good = [await client.delete(path, params={"permanently": "true"}), await client.post(f"{path}/restore")]

    assert [answer.status_code for answer in gone] == [204, 404, 404]
    assert [queue["deletedAt"] is None for queue in listed] == [False]
    assert (restored.status_code, restored.json()["data"]["deletedAt"], waiting) == (200, None, 1)
    assert [answer.status_code for answer in for_good] == [204, 404]


async def test_a_paused_queue_takes_and_does_not_give(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A pause, with or without an end, lets items in and none out until it is over."""
    path = f"/api/queues/{ours.queue_id}"
    later = "2999-01-01T00:00:00Z"

    forever = (await client.post(f"{path}/pause")).json()["data"]
    until = (await client.post(f"{path}/pause", json={"resumeAt": later})).json()["data"]
    paused = (await client.get("/api/queues", params={"paused": "true"})).json()["pagination"]["total"]
    taken = await client.post(f"{path}/items", json={"payload": {}})
    held_back = (await client.post(f"{path}/claim", json={"limit": 1})).json()["data"]
    resumed = (await client.post(f"{path}/resume")).json()["data"]
    given = (await client.post(f"{path}/claim", json={"limit": 1})).json()["data"]

    assert forever["resumeAt"] is None
    assert (until["pausedAt"], until["resumeAt"], paused) == (forever["pausedAt"], later, 1)
    assert (taken.status_code, held_back) == (201, [])
    assert (resumed["pausedAt"], resumed["resumeAt"], len(given)) == (None, None, 1)


async def test_stats_and_purge(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Stats count by status and name the oldest; a purge removes every item, also the one that is worked on."""
    path = f"/api/queues/{ours.queue_id}"
    ids = (await client.post(f"{path}/items/batch", json={"items": [{"payload": {}}] * 3})).json()["data"]["ids"]
    [held] = (await client.post(f"{path}/claim", json={"limit": 1})).json()["data"]

    stats = (await client.get(f"{path}/stats")).json()["data"]
    purged = await client.post(f"{path}/purge")
    after = (await client.get(f"{path}/stats")).json()["data"]
    late = await client.post(f"/api/items/{held['id']}/complete", json={"lease": held["lease"]})

    assert stats | {"waiting": 2, "processing": 1, "oldestId": ids[1], "queueName": "work"} == stats
    assert stats["oldestSeconds"] >= 0
    assert purged.json()["data"] == {"items": 3}
    assert after | {"waiting": 0, "processing": 0, "oldestId": None, "oldestSeconds": None} == after
    assert late.status_code == 404
