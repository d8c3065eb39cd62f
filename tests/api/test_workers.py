from __future__ import annotations

import httpx
import pytest
from tests.api.conftest import make_key
from tests.fixtures.items import claim_some, enqueue_some
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


async def test_workers_are_who_holds_items(
    client: httpx.AsyncClient, database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """The list shows who holds items of the organization, how many and of which queues, and nobody else."""
    await enqueue_some(database, ours, 3)
    await enqueue_some(database, theirs, 1)
    await claim_some(database, ours, 2, worker_id="a")
    await claim_some(database, ours, 1, worker_id="b")
    await claim_some(database, theirs, 1, worker_id="c")

    workers = (await client.get("/api/workers")).json()["data"]
    client.headers.update((await make_key(database, ours, queue_ids=[])).headers)
    none = (await client.get("/api/workers")).json()["data"]

    assert [(worker["id"], worker["items"], worker["queueIds"]) for worker in workers] == [
        ("a", 2, [ours.queue_id]), ("b", 1, [ours.queue_id])
    ]  # fmt: skip
    assert workers[0]["firstLeaseEndsAt"] <= workers[0]["lastLeaseEndsAt"]
    assert none == []
