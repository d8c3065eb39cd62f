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
