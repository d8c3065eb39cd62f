from __future__ import annotations

import re

import httpx
import pytest
from fastapi.routing import APIRoute
from tests.api.conftest import Key
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell
from tests.fixtures.sessions import sign_in
from tests.fixtures.signing import bearer

from fairlead.api import openapi
from fairlead.api.auth.visitors import VisitorRoute
from fairlead.api.deps import CheckedRoute, TenantRoute
from fairlead.api.mounting import ORGANIZATION
from fairlead.db.session import Database
from fairlead.domain.ids import new_id

pytestmark = pytest.mark.anyio
UNKNOWN = "is not a parameter that is known here"


async def test_every_operation_refuses_what_it_does_not_know(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, key: Key
) -> None:
    """Whatever an operation takes, a parameter that it does not know is 400 and named; but for the way back."""
    person = bearer(await sign_in(database, await make_user(database, ours)))

    def headers(route: APIRoute) -> dict[str, str]:
        if isinstance(route, VisitorRoute):
            return {}
        return key.headers if isinstance(route, TenantRoute) and not route.path.startswith(ORGANIZATION) else person

    lenient = set()
    for route in openapi.routes():
        own = route.path.replace("{organizationId}", ours.organization_id)
        address = re.sub(r"{\w+}", new_id(), own)
        told = {"content-type": "application/x-ndjson"} if route.name.endswith("stream") else {}
        for method in route.methods or ():
            answer = await stranger.request(method, address, params={"x_y": ""}, headers={**headers(route), **told})
            if answer.json().get("details") != {"x_y": UNKNOWN}:
                lenient.add(route.name)
            else:
                assert answer.status_code == 400

    assert lenient == {"finish_provider_sign_in", "live", "ready"}
    assert all(isinstance(route, CheckedRoute) for route in openapi.routes() if route.name not in {"live", "ready"})


async def test_a_slip_of_the_pen_deletes_nothing(client: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """A parameter that is nearly right changes nothing, and the right one is named."""
    refused = await client.delete(f"/api/queues/{ours.queue_id}", params={"permanent": "true"})

    assert (refused.status_code, refused.json()["code"]) == (400, "VALIDATION_FAILED")
    assert refused.json()["details"] == {"permanent": f"{UNKNOWN}; did you mean 'permanently'?"}
    assert await tell(database, "select 1 from queues where deleted_at is not null") == []


@pytest.mark.parametrize(
    ("asked", "near"),
    [("created_from", "createdFrom"), ("Limit", "limit"), ("tags", "tag"), ("x" * 5000, None), ("", None)],
)
async def test_what_is_near_is_named(client: httpx.AsyncClient, ours: Tenant, *, asked: str, near: str | None) -> None:
    """Of the operation's own parameters the one that was likely meant is named, if there is one."""
    refused = await client.get(f"/api/queues/{ours.queue_id}/items", params={asked: "1", "limit": "1"})

    suggestion = "" if near is None else f"; did you mean '{near}'?"
    assert refused.status_code == 400
    assert list(refused.json()["details"].values()) == [UNKNOWN + suggestion]


async def test_all_that_are_wrong_are_named_at_once(client: httpx.AsyncClient) -> None:
    """Several are named together, up to a bound."""
    refused = await client.get("/api/queues", params={"a": "1", "b": "2"})
    crowd = await client.get("/api/queues", params={f"p{number}": "" for number in range(500)})

    assert refused.json()["details"].keys() == {"a", "b"}
    assert len(crowd.json()["details"]) == 20


async def test_who_may_not_ask_is_told_so_first(stranger: httpx.AsyncClient) -> None:
    """Without a credential the answer is the same, whatever parameters there are."""
    assert (await stranger.get("/api/queues", params={"x": "1"})).status_code == 401
