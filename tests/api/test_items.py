from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.api.conftest import Key, make_key
from tests.fixtures.organizations import Tenant, make_tenant

from fairlead.db.session import Database
from fairlead.domain import limits

pytestmark = pytest.mark.anyio
ITEM_FIELDS = {
    "id", "queueId", "payload", "status", "priority", "attempts", "maxAttempts", "errorMessage", "errors", "result",
    "progress", "task", "tags", "scheduledFor", "startedAt", "completedAt", "finishedAt", "createdAt",
    "cancelRequestedAt", "uniqueKey", "orderingKey", "workerId",
}  # fmt: skip


def payload_of(size: int) -> dict[str, str]:
    """A payload that is exactly `size` bytes of JSON."""
    return {"a": "x" * (size - len('{"a":""}'))}


async def test_enqueued_item_is_read_back(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Enqueueing answers 201 with the item and its address, and that address answers the same."""
    sent = {"payload": {"n": 1}, "task": "resize", "priority": 7, "maxAttempts": 2, "tags": ["a"]}

    made = await client.post(f"/api/queues/{ours.queue_id}/items", json=sent)

    assert made.status_code == 201
    item = made.json()["data"]
    assert item.keys() == ITEM_FIELDS
    assert item | sent == item
    assert item | {"status": "waiting", "queueId": ours.queue_id, "attempts": 0, "finishedAt": None} == item
    assert made.headers["location"] == f"/api/items/{item['id']}"
    assert (await client.get(made.headers["location"])).json() == made.json()


async def test_queue_gives_what_is_left_out(database: Database, client: httpx.AsyncClient, key: Key) -> None:
    """A field that is not given is the queue's own rule, or nothing."""
    ours = await make_tenant(database, max_attempts=9)
    client.headers.update((await make_key(database, ours)).headers)

    item = (await client.post(f"/api/queues/{ours.queue_id}/items", json={"payload": {}})).json()["data"]

    assert item | {"maxAttempts": 9, "priority": 0, "task": None, "tags": [], "scheduledFor": None} == item
    assert key.raw not in str(item)


async def test_batch_answers_ids_in_order(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A batch of the largest size is accepted, and its ids come in the order of its items."""
    batch = [{"payload": {"n": n}} for n in range(limits.BATCH_ITEMS)]

    made = await client.post(f"/api/queues/{ours.queue_id}/items/batch", json={"items": batch})

    assert made.status_code == 201
    ids = made.json()["data"]["ids"]
    assert len(set(ids)) == limits.BATCH_ITEMS
    for n in (0, 1, 500, 999):
        assert (await client.get(f"/api/items/{ids[n]}")).json()["data"]["payload"] == {"n": n}


async def test_batch_is_all_or_nothing(client: httpx.AsyncClient, ours: Tenant) -> None:
    """One wrong item keeps the whole batch out."""
    batch = {"items": [{"payload": {}}, {"payload": []}]}

    refused = await client.post(f"/api/queues/{ours.queue_id}/items/batch", json=batch)

    assert refused.status_code == 400
    assert (await client.get(f"/api/queues/{ours.queue_id}/items")).json()["pagination"]["total"] == 0


async def test_every_wrong_field_is_named_at_once(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Every wrong field of every item has its sentence in the one answer, in the names of the wire."""
    batch = [
        {"payload": payload_of(limits.PAYLOAD_BYTES + 1), "priority": True},
        {"payload": {}},
        {"payload": {}, "maxAttempts": 0, "delaySeconds": "5", "tags": ["", "fine"], "nobodyKnows": "a"},
        {"scheduledFor": "2030-01-01T00:00:00Z", "delaySeconds": 1},
    ]

    refused = await client.post(f"/api/queues/{ours.queue_id}/items/batch", json={"items": batch})

    assert refused.status_code == 400
    assert refused.json()["code"] == "VALIDATION_FAILED"
    assert refused.json()["details"].keys() == {
        "items[0].payload",
        "items[0].priority",
        "items[2].maxAttempts",
        "items[2].delaySeconds",
        "items[2].tags[0]",
        "items[2].nobodyKnows",
        "items[3].payload",
        "items[3].delaySeconds",
    }


@pytest.mark.parametrize(
    ("field", "fits", "too_much"),
    [
        ("payload", payload_of(limits.PAYLOAD_BYTES), payload_of(limits.PAYLOAD_BYTES + 1)),
        ("priority", limits.PRIORITY, limits.PRIORITY + 1),
        ("priority", -limits.PRIORITY, -limits.PRIORITY - 1),
        ("maxAttempts", limits.MAX_ATTEMPTS, limits.MAX_ATTEMPTS + 1),
        ("delaySeconds", limits.DELAY_SECONDS, limits.DELAY_SECONDS + 1),
        ("delaySeconds", 0, -1),
        ("task", "t" * limits.NAME_CHARACTERS, "t" * (limits.NAME_CHARACTERS + 1)),
        ("tags", ["t"] * limits.TAGS, ["t"] * (limits.TAGS + 1)),
        ("tags", ["t" * limits.TAG_CHARACTERS], ["t" * (limits.TAG_CHARACTERS + 1)]),
        ("uniqueKey", "k" * limits.KEY_CHARACTERS, "k" * (limits.KEY_CHARACTERS + 1)),
        ("orderingKey", "k" * limits.KEY_CHARACTERS, ""),
        ("uniqueWhile", "waiting", "always"),
        ("onConflict", "return", "ignore"),
        ("scheduledFor", "2030-01-31T09:30:00.5+02:00", "2030-01-31T09:30:00"),
        ("scheduledFor", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z"),
        ("scheduledFor", "9998-12-31T23:59:59Z", "9999-01-01T00:00:00Z"),
    ],
)
async def test_limits_of_a_field(
    client: httpx.AsyncClient, ours: Tenant, *, field: str, fits: Any, too_much: Any
) -> None:
    """What is exactly at a limit is accepted; what is beyond it is refused by name."""
    path = f"/api/queues/{ours.queue_id}/items"

    accepted = await client.post(path, json={"payload": {}, field: fits})
    refused = await client.post(path, json={"payload": {}, field: too_much})

    assert accepted.status_code == 201, accepted.text
    assert refused.status_code == 400
    assert [name.partition("[")[0] for name in refused.json()["details"]] == [field]


@pytest.mark.parametrize("count", [0, limits.BATCH_ITEMS + 1])
async def test_batch_size_has_limits(client: httpx.AsyncClient, ours: Tenant, *, count: int) -> None:
    """An empty batch and one beyond the largest size are refused."""
    batch: dict[str, Any] = {"items": [{"payload": {}}] * count}

    refused = await client.post(f"/api/queues/{ours.queue_id}/items/batch", json=batch)

    assert refused.status_code == 400
    assert refused.json()["details"].keys() == {"items"}


@pytest.mark.parametrize("when", [1700000000, "1700000000", "2030-01-31", "tomorrow", "2030-02-30T00:00:00Z", True])
async def test_instants_are_rfc_3339(client: httpx.AsyncClient, ours: Tenant, *, when: Any) -> None:
    """Whatever is not an RFC 3339 instant with its zone is refused."""
    refused = await client.post(f"/api/queues/{ours.queue_id}/items", json={"payload": {}, "scheduledFor": when})

    assert refused.status_code == 400
    assert refused.json()["details"].keys() == {"scheduledFor"}


async def test_items_are_listed_by_page_and_status(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A list shows the newest first, a page at a time, with the total of the same filter."""
    path = f"/api/queues/{ours.queue_id}"
    ids = [(await client.post(f"{path}/items", json={"payload": {}})).json()["data"]["id"] for _ in range(5)]
    await client.post(f"{path}/claim", json={"limit": 2})

    first = (await client.get(f"{path}/items", params={"limit": 2})).json()
    last = (await client.get(f"{path}/items", params={"limit": 2, "page": 3})).json()
    waiting = (await client.get(f"{path}/items", params={"status": "waiting"})).json()
    beyond = (await client.get(f"{path}/items", params={"page": 1_000_000_000})).json()

    assert [item["id"] for item in first["data"]] == [ids[4], ids[3]]
    assert first["pagination"] == {
        "page": 1, "limit": 2, "total": 5, "totalPages": 3, "nextCursor": first["pagination"]["nextCursor"]
    }  # fmt: skip
    assert [item["id"] for item in last["data"]] == [ids[0]]
    assert [item["id"] for item in waiting["data"]] == [ids[4], ids[3], ids[2]]
    assert waiting["pagination"]["total"] == 3
    assert beyond["data"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page", "0"),
        ("page", "x"),
        ("page", "1000000001"),
        ("limit", "0"),
        ("limit", "101"),
        ("status", "done"),
        ("createdFrom", "today"),
        ("tag", "t" * 51),
        ("cursor", "x"),
    ],
)
async def test_wrong_questions_are_named(client: httpx.AsyncClient, ours: Tenant, *, name: str, value: str) -> None:
    """A page, limit or status that cannot be is refused by name."""
    refused = await client.get(f"/api/queues/{ours.queue_id}/items", params={name: value})

    assert refused.status_code == 400
    assert refused.json()["details"].keys() == {name}


@pytest.mark.parametrize("item_id", ["k3f9x2m7q1w8e5r4t6y0u2i9", "short", "A" * 24, "%00" * 24, "é" * 24, "x" * 5000])
async def test_unknown_items_are_not_found(client: httpx.AsyncClient, *, item_id: str) -> None:
    """An id that names nothing and one that cannot be an id are the same to the caller."""
    missing = await client.get(f"/api/items/{item_id}")

    assert missing.status_code == 404
    assert missing.json() | {"requestId": ""} == {
        "error": "There is no such thing here.",
        "code": "NOT_FOUND",
        "details": {},
        "requestId": "",
    }


async def test_items_are_walked_by_cursor(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Cursors lead through all of a filter's items once, newest first, whatever comes meanwhile, and then end."""
    path = f"/api/queues/{ours.queue_id}/items"
    batch = {"items": [{"payload": {}, "task": "t", "tags": ["red"]}] * 5}
    ids = (await client.post(f"{path}/batch", json=batch)).json()["data"]["ids"]
    asked: dict[str, Any] = {"limit": 2, "tag": "red", "task": "t", "createdFrom": "2026-01-01T00:00:00Z"}

    part = (await client.get(path, params=asked)).json()
    assert part["pagination"] | {"page": 1, "total": None, "totalPages": None} == part["pagination"]
    walked = [item["id"] for item in part["data"]]
    while cursor := part["pagination"]["nextCursor"]:
        await client.post(path, json={"payload": {}, "task": "t", "tags": ["red"]})
        part = (await client.get(path, params={**asked, "cursor": cursor})).json()
        walked += [item["id"] for item in part["data"]]

    assert sorted(walked) == sorted(ids)
    assert part["pagination"] | {"page": None, "limit": 2, "nextCursor": None} == part["pagination"]
    assert (await client.get(path, params={"tag": "blue"})).json()["data"] == []
    assert (await client.get(path, params={"createdBefore": "2026-01-01T00:00:00Z"})).json()["data"] == []


async def test_a_cursor_belongs_to_its_list(client: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """Under another filter, in another queue or organization, changed or beside a page a cursor is refused by name."""
    theirs = await make_tenant(database)
    path = f"/api/queues/{ours.queue_id}/items"
    other = (await client.post("/api/queues", json={"name": "other"})).json()["data"]["id"]
    await client.post(f"{path}/batch", json={"items": [{"payload": {}}] * 2})
    cursor = (await client.get(path, params={"limit": 1})).json()["pagination"]["nextCursor"]
    forged = ("A" if cursor[0] != "A" else "B") + cursor[1:]

    good = await client.get(path, params={"cursor": cursor, "limit": 100})
    refused = [
        await client.get(path, params={"cursor": cursor, "status": "waiting"}),
        await client.get(f"/api/queues/{other}/items", params={"cursor": cursor}),
        await client.get(path, params={"cursor": forged}),
        await client.get(path, params={"cursor": cursor[:-1]}),
    ]
    paged = await client.get(path, params={"cursor": cursor, "page": 1})
    client.headers.update((await make_key(database, theirs)).headers)
    refused.append(await client.get(f"/api/queues/{theirs.queue_id}/items", params={"cursor": cursor}))

    assert len(good.json()["data"]) == 1
    assert [(answer.status_code, [*answer.json()["details"]]) for answer in refused] == [(400, ["cursor"])] * 5
    assert paged.json()["details"].keys() == {"page"}


async def test_a_unique_key_is_held_once(client: httpx.AsyncClient, ours: Tenant) -> None:
    """While a unique key is held, another item with it is a conflict, or the holder, as the item says."""
    path = f"/api/queues/{ours.queue_id}/items"
    sent = {"payload": {"n": 1}, "uniqueKey": "k", "uniqueSeconds": 60, "orderingKey": "o"}

    first = (await client.post(path, json=sent)).json()["data"]
    rejected = await client.post(path, json=sent)
    returned = await client.post(path, json={**sent, "payload": {"n": 2}, "onConflict": "return"})
    replaced = await client.post(path, json={**sent, "payload": {"n": 3}, "onConflict": "replace"})
    lonely = await client.post(path, json={"payload": {}, "uniqueSeconds": 60})

    assert (first["uniqueKey"], first["orderingKey"]) == ("k", "o")
    assert (rejected.status_code, rejected.json()["details"].keys()) == (409, {"uniqueKey"})
    assert returned.json()["data"] == first
    assert (replaced.json()["data"]["id"], replaced.json()["data"]["payload"]) == (first["id"], {"n": 3})
    assert lonely.json()["details"] == {"uniqueSeconds": "needs a uniqueKey"}


async def test_a_full_queue_says_so(client: httpx.AsyncClient, database: Database) -> None:
    """What would exceed a queue's depth is 429 QUEUE_FULL, one or many; what fits exactly is let in."""
    small = await make_tenant(database, max_depth=2)
    client.headers.update((await make_key(database, small)).headers)
    path = f"/api/queues/{small.queue_id}/items"

    many = await client.post(f"{path}/batch", json={"items": [{"payload": {}}] * 3})
    fits = await client.post(f"{path}/batch", json={"items": [{"payload": {}}] * 2})
    one = await client.post(path, json={"payload": {}})

    assert fits.status_code == 201
    assert {(answer.status_code, answer.json()["code"]) for answer in (many, one)} == {(429, "QUEUE_FULL")}
