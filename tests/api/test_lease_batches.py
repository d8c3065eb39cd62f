from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.api.conftest import make_key
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain import limits
from fairlead.domain.ids import new_id

pytestmark = pytest.mark.anyio


async def held(client: httpx.AsyncClient, tenant: Tenant, count: int) -> list[dict[str, Any]]:
    """Enqueue and claim items over HTTP; return what an outcome has to show of each."""
    path = f"/api/queues/{tenant.queue_id}"
    await client.post(f"{path}/items/batch", json={"items": [{"payload": {}}] * count})
    items = (await client.post(f"{path}/claim", json={"limit": count})).json()["data"]
    return [{"id": item["id"], "lease": item["lease"]} for item in items]


async def status(client: httpx.AsyncClient, item: dict[str, Any]) -> str:
    """Return an item's status."""
    return str((await client.get(f"/api/items/{item['id']}")).json()["data"]["status"])


async def test_each_outcome_counts_or_not_by_itself(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Of a batch those with a current lease are accepted; a stale, a cancelled and an unknown one each say why."""
    done, stale, stopping = await held(client, ours, 3)
    await client.post(f"/api/items/{stopping['id']}/cancel")
    unknown = {"id": new_id(), "lease": 1}
    full = [{"id": new_id(), "lease": 1} for _ in range(limits.BATCH_ITEMS)]
    most = await client.post("/api/items/complete", json={"items": full})
    assert len(most.json()["data"]["refused"]) == limits.BATCH_ITEMS
    batch = [{**done, "result": {"n": 1}}, {**stale, "lease": 7}, stopping, unknown]

    first = (await client.post("/api/items/complete", json={"items": batch})).json()["data"]
    again = (await client.post("/api/items/complete", json={"items": batch})).json()["data"]

    assert first["accepted"] == [done["id"]]
    assert {refusal["id"]: refusal["code"] for refusal in first["refused"]} == {
        stale["id"]: "LEASE_LOST", stopping["id"]: "ITEM_CANCELLED", unknown["id"]: "NOT_FOUND"
    }  # fmt: skip
    assert again == first
    assert [await status(client, item) for item in (done, stale, stopping)] == ["completed", "processing", "cancelled"]


async def test_many_fail_and_are_renewed(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Many attempts fail each in its way, and many leases are extended, each shown with its end."""
    for_good, for_later, kept = await held(client, ours, 3)

    renewals = (
        await client.post(
            "/api/items/renew",
            json={"items": [{**kept, "progress": {"n": 1}}, {**for_good, "lease": 9}], "leaseSeconds": 600},
        )
    ).json()["data"]
    failures = [{**for_good, "error": "no", "retry": False}, {**for_later, "error": "later", "delaySeconds": 60}]
    failed = (await client.post("/api/items/fail", json={"items": failures})).json()["data"]
    by_rule = (await client.post("/api/items/renew", json={"items": [kept]})).json()["data"]

    assert [renewed["id"] for renewed in renewals["accepted"]] == [kept["id"]]
    assert [refusal["code"] for refusal in renewals["refused"]] == ["LEASE_LOST"]
    assert by_rule["accepted"] == renewals["accepted"]
    assert (sorted(failed["accepted"]), failed["refused"]) == (sorted([for_good["id"], for_later["id"]]), [])
    assert [await status(client, item) for item in (for_good, for_later, kept)] == ["failed", "waiting", "processing"]


async def test_a_batch_is_checked_whole(client: httpx.AsyncClient) -> None:
    """An item twice, none at all, too many, or a wrong field of one refuses the whole batch by name."""
    one = {"id": new_id(), "lease": 1}
    for verb, items, wrong in (
        ("complete", [one, one], "items"),
        ("complete", [], "items"),
        ("complete", [one] * (limits.BATCH_ITEMS + 1), "items"),
        ("complete", [one, {**one, "id": new_id(), "result": "x" * limits.RESULT_BYTES}], "items[1].result"),
        ("fail", [one], "items[0].error"),
        ("renew", [{**one, "lease": 0}], "items[0].lease"),
    ):
        refused = await client.post(f"/api/items/{verb}", json={"items": items})
        assert (refused.status_code, refused.json()["details"].keys()) == (400, {wrong})
    refused = await client.post("/api/items/complete", json={"items": []})
    assert refused.json()["details"] == {"items": "must have at least 1 item, not 0"}


async def test_a_key_of_some_queues_reports_on_theirs(
    client: httpx.AsyncClient, database: Database, ours: Tenant
) -> None:
    """To a key that is for certain queues the items of others are not there, whatever lease it shows."""
    other = (await client.post("/api/queues", json={"name": "other"})).json()["data"]["id"]
    items = await held(client, ours, 1)
    client.headers.update((await make_key(database, ours, queue_ids=[other])).headers)

    for verb, extra in (("complete", {}), ("fail", {"error": "no"}), ("renew", {})):
        answer = await client.post(f"/api/items/{verb}", json={"items": [{**items[0], **extra}]})
        assert [refusal["code"] for refusal in answer.json()["data"]["refused"]] == ["NOT_FOUND"]
