from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.api.conftest import make_key
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.ids import new_id

pytestmark = pytest.mark.anyio


async def enqueued(client: httpx.AsyncClient, queue_id: str, count: int, **values: Any) -> list[str]:
    """Enqueue items over HTTP and return their ids."""
    batch = {"items": [{"payload": {}, **values}] * count}
    ids: list[str] = (await client.post(f"/api/queues/{queue_id}/items/batch", json=batch)).json()["data"]["ids"]
    return ids


async def posted(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    """Post and return the data of the answer."""
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_filter_is_counted_and_then_cancelled_and_retried(client: httpx.AsyncClient, ours: Tenant) -> None:
    """What a preview counts is what the change is about, at most `limit` at a time, until no more is said."""
    red, blue = [await enqueued(client, ours.queue_id, 3, tags=[tag]) for tag in ("red", "blue")]
    chosen = {"queueId": ours.queue_id, "tag": "red"}

    count = await posted(client, "/api/items/cancel/preview", filter=chosen)
    first = await posted(client, "/api/items/cancel", filter=chosen, limit=2)
    rest = await posted(client, "/api/items/cancel", filter=chosen, limit=2)
    retryable = await posted(client, "/api/items/retry/preview", filter={"status": "cancelled"})
    none_failed = await posted(client, "/api/items/retry", filter={})
    retried = await posted(client, "/api/items/retry", filter={"status": "cancelled"})

    assert (count, retryable) == ({"count": 3}, {"count": 3})
    assert (len(first["ids"]), first["more"], rest["more"], first["stopping"]) == (2, True, False, [])
    assert sorted(first["ids"] + rest["ids"]) == sorted(red)
    assert none_failed == {"ids": [], "more": False}
    assert sorted(retried["ids"]) == sorted(red)
    assert not {*blue} & {*retried["ids"]}


async def test_ids_are_changed_where_they_can_be(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Of ids those that can be are changed; the others, unknown ones too, are left out and not spoken of."""
    ids = await enqueued(client, ours.queue_id, 2)
    [held] = (await client.post(f"/api/queues/{ours.queue_id}/claim", json={"limit": 1})).json()["data"]

    cancelled = await posted(client, "/api/items/cancel", ids=[*ids, new_id(), "junk"], deadlineSeconds=1)
    retried = await posted(client, "/api/items/retry", ids=[*ids, new_id()])

    assert sorted(cancelled["ids"]) == sorted(ids)
    assert (cancelled["stopping"], cancelled["more"]) == ([held["id"]], False)
    assert retried["ids"] == [item_id for item_id in ids if item_id != held["id"]]


async def test_a_choice_is_ids_or_a_filter(client: httpx.AsyncClient) -> None:
    """Neither and both are refused, as are a filter that cannot be and too many ids."""
    for body, wrong in (
        ({}, {"filter"}),
        ({"ids": ["a"], "filter": {}}, {"filter"}),
        ({"ids": []}, {"ids", "filter"}),
        ({"ids": ["a"] * 1001}, {"ids", "filter"}),
        ({"filter": {"status": "done", "createdFrom": "2026-01-01", "colour": "red"}, "limit": 0},
         {"filter.status", "filter.createdFrom", "filter.colour", "limit"}),
    ):  # fmt: skip
        refused = await client.post("/api/items/cancel", json=body)
        assert (refused.status_code, refused.json()["details"].keys()) == (400, wrong)
    most = await client.post("/api/items/cancel", json={"ids": ["a"] * 1000, "limit": 1000})
    assert (most.status_code, most.json()["data"]["ids"]) == (200, [])
    unknown = await client.post("/api/items/retry/preview", json={"filter": {"queueId": new_id()}})
    assert unknown.status_code == 404


async def test_a_key_of_some_queues_reaches_their_items(
    client: httpx.AsyncClient, database: Database, ours: Tenant
) -> None:
    """A key that is for certain queues counts and changes items of these alone, by ids and by filter."""
    other = (await client.post("/api/queues", json={"name": "other"})).json()["data"]["id"]
    out_of_reach, reached = await enqueued(client, ours.queue_id, 2), await enqueued(client, other, 1)
    client.headers.update((await make_key(database, ours, queue_ids=[other])).headers)

    assert await posted(client, "/api/items/cancel/preview", filter={}) == {"count": 1}
    assert (await posted(client, "/api/items/cancel", ids=out_of_reach))["ids"] == []
    assert (await posted(client, "/api/items/cancel", filter={}))["ids"] == reached
    beyond = await client.post("/api/items/cancel", json={"filter": {"queueId": ours.queue_id}})
    assert beyond.status_code == 404
