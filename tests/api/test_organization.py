from __future__ import annotations

import httpx
import pytest
from tests.fixtures.items import enqueue_some
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.sessions import sign_in
from tests.fixtures.signing import bearer

from fairlead.db.session import Database
from fairlead.domain import limits

pytestmark = pytest.mark.anyio


@pytest.fixture
async def owner(stranger: httpx.AsyncClient, database: Database, ours: Tenant) -> httpx.AsyncClient:
    """A client of an owner."""
    stranger.headers.update(bearer(await sign_in(database, await make_user(database, ours))))
    return stranger


async def test_of_two_who_change_it_at_once_the_later_is_told(owner: httpx.AsyncClient, ours: Tenant) -> None:
    """A change is made to the version that was seen, and refused when somebody else was quicker."""
    base = f"/api/organizations/{ours.organization_id}"
    seen = {"if-match": (await owner.get(base)).headers["etag"]}

    first = await owner.patch(base, json={"name": "First"}, headers=seen)
    second = await owner.patch(base, json={"name": "Second"}, headers=seen)

    assert (first.status_code, second.status_code, second.json()["code"]) == (200, 412, "PRECONDITION_FAILED")
    assert (await owner.get(base)).json()["data"]["name"] == "First"


@pytest.mark.parametrize(
    ("field", "most"),
    [("maxQueueDepth", limits.QUEUE_DEPTH), ("maxConcurrency", limits.ORGANIZATION_CONCURRENCY)],
)
async def test_limits_can_be_changed(owner: httpx.AsyncClient, ours: Tenant, *, field: str, most: int) -> None:
    """A limit is set up to its own limit and lifted by null; the weight is not the organization's to set."""
    address = f"/api/organizations/{ours.organization_id}/limits"

    answers = [await owner.patch(address, json={field: value}) for value in (most, most + 1, 0, None)]
    weight = await owner.patch(address, json={"weight": 5})

    assert [answer.status_code for answer in answers] == [200, 400, 400, 200]
    assert answers[0].json()["data"][field] == most
    assert answers[3].json()["data"][field] is None
    assert weight.json()["details"] == {"weight": "is not a field that is known here"}


async def test_names_have_one_rule(owner: httpx.AsyncClient, ours: Tenant) -> None:
    """A name that begins or ends with a blank is refused, whatever it is to be the name of."""
    own = f"/api/organizations/{ours.organization_id}"
    bodies: dict[str, dict[str, object]] = {
        "/api/organizations": {"slug": "blank"},
        f"{own}/queues": {},
        f"{own}/roles": {"permissions": []},
        f"{own}/api-keys": {"scopes": []},
    }

    refused = [await owner.post(address, json={**body, "name": " x "}) for address, body in bodies.items()]
    refused.append(await owner.patch(own, json={"name": "x "}))

    assert [answer.json()["details"] for answer in refused] == [{"name": "must not begin or end with a blank"}] * 5


async def test_usage_counts_what_is_there(owner: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """Usage tells members, queues, keys and items by status, of this organization only."""
    await enqueue_some(database, ours, count=3)
    await owner.post(f"/api/organizations/{ours.organization_id}/api-keys", json={"name": "k", "scopes": []})

    usage = (await owner.get(f"/api/organizations/{ours.organization_id}/usage")).json()["data"]

    assert usage == {
        "members": 1,
        "queues": 1,
        "schedules": 0,
        "apiKeys": 1,
        "items": {"waiting": 3, "processing": 0, "completed": 0, "failed": 0, "cancelled": 0},
    }


async def test_a_deleted_organization_is_gone(owner: httpx.AsyncClient, ours: Tenant) -> None:
    """After its deletion nobody finds the organization any more, its owner neither, and its keys stop."""
    base = f"/api/organizations/{ours.organization_id}"
    key = (await owner.post(f"{base}/api-keys", json={"name": "k", "scopes": ["queues:read"]})).json()["data"]["key"]

    assert (await owner.delete(base)).status_code == 204
    assert (await owner.get(base)).status_code == 404
    assert (await owner.get("/api/organizations")).json()["data"] == []
    assert (await owner.get("/api/queues", headers=bearer(key))).status_code == 401


async def test_the_trail_is_walked_by_cursor(owner: httpx.AsyncClient, ours: Tenant) -> None:
    """Every change is found once by following the cursor, which is good for its own filter only."""
    base = f"/api/organizations/{ours.organization_id}"
    for name in ("a", "b", "c"):
        await owner.post(f"{base}/roles", json={"name": name, "permissions": []})
    walked, cursor = [], None
    while True:
        params = {"limit": "2", "action": "role."} | ({"cursor": cursor} if cursor else {})
        part = (await owner.get(f"{base}/audit", params=params)).json()
        walked += [event["after"]["name"] for event in part["data"]]
        if part["pagination"]["nextCursor"] is None:
            break
        cursor = part["pagination"]["nextCursor"]
    misused = await owner.get(f"{base}/audit", params={"cursor": cursor or ""})

    assert walked == ["c", "b", "a"]
    assert misused.json()["details"].keys() == {"cursor"}


async def test_keys_are_shown_once_and_replaced(owner: httpx.AsyncClient, ours: Tenant) -> None:
    """A key is in the answer that made it and in no other; a rotated one goes on for its grace, a revoked one not."""
    base = f"/api/organizations/{ours.organization_id}/api-keys"
    made = (await owner.post(base, json={"name": "k", "scopes": ["queues:read"]})).json()["data"]
    fresh = (await owner.post(f"{base}/{made['id']}/rotate", json={"graceSeconds": 60})).json()["data"]
    both = [(await owner.get("/api/queues", headers=bearer(one["key"]))).status_code for one in (made, fresh)]
    await owner.post(f"{base}/{fresh['id']}/revoke")

    listed = await owner.get(base)
    assert both == [200, 200]
    assert (await owner.get("/api/queues", headers=bearer(fresh["key"]))).status_code == 401
    assert made["key"] not in listed.text
    assert "keyHash" not in listed.text
    assert [key["rotatedFrom"] for key in listed.json()["data"]] == [made["id"], None]
