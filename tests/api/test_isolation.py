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

pytestmark = pytest.mark.anyio
LEASE = {"lease": 1}
SHORT_BODIES: dict[str, dict[str, Any]] = {
    "POST /api/queues/{queueId}/items": {"payload": {}},
    "POST /api/queues/{queueId}/items/batch": {"items": [{"payload": {}}]},
    "POST /api/queues/{queueId}/claim": {"limit": 1},
    "POST /api/items/{itemId}/renew": LEASE,
    "POST /api/items/{itemId}/complete": LEASE,
    "POST /api/items/{itemId}/fail": {**LEASE, "error": "no"},
    "POST /api/items/{itemId}/release": LEASE,
}
BODIES = SHORT_BODIES | {
    f"POST {ORGANIZATION}{name.removeprefix('POST /api')}": body for name, body in SHORT_BODIES.items()
}
BODIES |= {f"POST {ORGANIZATION}/queues": {"name": "more"}}


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
    assert len(routes_with_ids()) == 22
    assert {f"{method} {path}" for method, path in routes_with_ids() if method == "POST"} == BODIES.keys()


@pytest.mark.parametrize(("method", "path"), routes_with_ids())
async def test_theirs_is_as_unknown_as_nothing(
    client: httpx.AsyncClient, database: Database, theirs: Tenant, *, method: str, path: str
) -> None:
    """Another organization's id gets, byte for byte, the answer of an id that names nothing, and changes nothing."""
    [lease] = await claimed(database, theirs)
    before = (await row_of(database, theirs, lease.id), await _everything_of(database, theirs))
    body = BODIES.get(f"{method} {path}")
    real = {"organizationId": theirs.organization_id, "queueId": theirs.queue_id, "itemId": lease.id}
    headers = {"x-request-id": "the-same"}

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
        union all select to_jsonb(i) from queue_items i where i.organization_id = :id
        union all select to_jsonb(e) from audit_events e where e.organization_id = :id
    """)
    async with database.unit_of_work(FLEET) as session:
        return [row[0] for row in await session.execute(statement.bindparams(id=tenant.organization_id))]
