"""What belongs to another organization does not exist, on every route, and even with our own filters removed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.api.conftest import make_key
from tests.fixtures.items import FLEET, claimed, row_of
from tests.fixtures.organizations import Tenant

from fairlead.api.mounting import ORGANIZATION
from fairlead.api.openapi import document
from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.services.schedules import create_schedule

pytestmark = pytest.mark.anyio
LEASE = {"lease": 1}
GHOST = "k3f9x2m7q1w8e5r4t6y0u2i9"
OF_LEASES = {"items": [{"id": GHOST, **LEASE}]}
SHORT_BODIES: dict[str, dict[str, Any]] = {
    "POST /api/queues": {"name": "more"},
    "PATCH /api/queues/{queueId}": {"maxAttempts": 2},
    "POST /api/queues/{queueId}/pause": {},
    "POST /api/queues/{queueId}/items": {"payload": {}},
    "POST /api/queues/{queueId}/items/batch": {"items": [{"payload": {}}]},
    "POST /api/queues/{queueId}/claim": {"limit": 1},
    "PATCH /api/items/{itemId}": {"priority": 2},
    "POST /api/items/{itemId}/cancel": {},
    "POST /api/items/{itemId}/renew": LEASE,
    "POST /api/items/{itemId}/complete": LEASE,
    "POST /api/items/{itemId}/fail": {**LEASE, "error": "no"},
    "POST /api/items/{itemId}/release": LEASE,
    "POST /api/items/{itemId}/snooze": {**LEASE, "delaySeconds": 1},
    "POST /api/items/complete": OF_LEASES,
    "POST /api/items/fail": {"items": [{"id": GHOST, **LEASE, "error": "no"}]},
    "POST /api/items/renew": OF_LEASES,
    "POST /api/items/cancel": {"ids": [GHOST]},
    "POST /api/items/cancel/preview": {"filter": {}},
    "POST /api/items/retry": {"ids": [GHOST]},
    "POST /api/items/retry/preview": {"filter": {}},
    "POST /api/schedules": {"name": "daily", "cron": "0 0 * * *", "queueId": GHOST},
    "PATCH /api/schedules/{scheduleId}": {"priority": 2},
    "POST /api/schedules/preview": {"cron": "0 0 * * *"},
}
BODIES = SHORT_BODIES | {name.replace(" /api", f" {ORGANIZATION}"): body for name, body in SHORT_BODIES.items()}


def routes_with_ids() -> list[tuple[str, str]]:
    """Every operation of the document whose path names a thing, so that a new one cannot be forgotten."""
    return [
        (method.upper(), path)
        for path, operations in document()["paths"].items()
        for method in operations
        if "{" in path
    ]


def test_every_route_with_an_id_is_tried() -> None:
    """Each route that takes an id and a body has a valid body here, so that only the id is wrong."""
    with_body = {f"{method} {path}" for method, path in routes_with_ids() if _operation(method, path)}
    assert with_body <= BODIES.keys()
    assert BODIES.keys() <= {
        f"{method.upper()} {path}" for path in document()["paths"] for method in document()["paths"][path]
    }


def _operation(method: str, path: str) -> Any:
    return document()["paths"][path][method.lower()].get("requestBody")


@pytest.mark.parametrize(("method", "path"), routes_with_ids())
async def test_theirs_is_as_unknown_as_nothing(
    client: httpx.AsyncClient, database: Database, theirs: Tenant, *, method: str, path: str
) -> None:
    """Another organization's id gets, byte for byte, the answer of an id that names nothing, and changes nothing."""
    [lease] = await claimed(database, theirs)
    body = BODIES.get(f"{method} {path}")
    async with database.unit_of_work(theirs.scope) as session:
        schedule = await create_schedule(session, theirs.scope, queue_id=theirs.queue_id, name="s", cron="0 0 29 2 *")
    real = {
        "organizationId": theirs.organization_id,
        "queueId": theirs.queue_id,
        "itemId": lease.id,
        "scheduleId": schedule.id,
    }
    headers = {"x-request-id": "the-same"}
    before = (await row_of(database, theirs, lease.id), await _everything_of(database, theirs))

    answers = [
        await client.request(method, path.format(**ids), json=body, headers=headers)
        for ids in (real, {name: new_id() for name in real}, dict.fromkeys(real, "malformed"))
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert answers[0].content == answers[1].content == answers[2].content
    assert answers[0].headers == answers[1].headers == answers[2].headers
    assert (await row_of(database, theirs, lease.id), await _everything_of(database, theirs)) == before


async def test_lists_show_our_own_only(client: httpx.AsyncClient, database: Database, theirs: Tenant) -> None:
    """A list and its total know nothing of other organizations."""
    await make_key(database, theirs)

    listed = (await client.get("/api/queues")).json()

    assert theirs.queue_id not in str(listed)
    assert listed["pagination"]["total"] == 1


async def test_their_key_reads_theirs(client: httpx.AsyncClient, database: Database, theirs: Tenant) -> None:
    """The same address answers the organization whose key is shown: the key decides, nothing else."""
    client.headers.update((await make_key(database, theirs)).headers)

    assert (await client.get(f"/api/queues/{theirs.queue_id}")).status_code == 200


async def _everything_of(database: Database, tenant: Tenant) -> list[Any]:
    statement = text("""
        select to_jsonb(q) from queues q where q.organization_id = :id
        union all select to_jsonb(s) from schedules s where s.organization_id = :id
        union all select to_jsonb(i) from queue_items i where i.organization_id = :id
        union all select to_jsonb(e) from audit_events e where e.organization_id = :id
    """)
    async with database.unit_of_work(FLEET) as session:
        return [row[0] for row in await session.execute(statement.bindparams(id=tenant.organization_id))]
