from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.api.conftest import Key, make_key
from tests.fixtures.items import FLEET
from tests.fixtures.keys import knock
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import call

from fairlead.api import deps
from fairlead.api.deps import Caller
from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.domain.api_keys import new_key
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import KEY_SCOPES, Permission
from fairlead.services.api_keys import revoke_api_key
from fairlead.services.audit import Actor

pytestmark = pytest.mark.anyio
REFUSED = "Send a valid API key, or the token of a session, as 'Authorization: Bearer …'."


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer junk",
        "Basic dXNlcjpwYXNz",
        f"Bearer {new_key()}",
        f"Bearer {new_key()[:-1]}x",
        "Bearer flk_live_" + "é" * 38,
        "Bearer " + "x" * 10_000,
    ],
    ids=range(10),
)
async def test_without_a_valid_key_nothing_is_answered(stranger: httpx.AsyncClient, *, header: str | None) -> None:
    """A missing, malformed or unknown key is 401, always with the same body, and says which scheme is wanted."""
    headers = {} if header is None else {b"authorization": header.encode("latin-1")}

    refused = await stranger.get("/api/queues", headers=headers)

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json() | {"requestId": ""} == {
        "error": REFUSED,
        "code": "UNAUTHENTICATED",
        "details": {},
        "requestId": "",
    }


@pytest.mark.parametrize(
    "change",
    [
        "update api_keys set revoked_at = now() where id = :key",
        "update api_keys set expires_at = now() - interval '1 second' where id = :key",
        "delete from api_keys where id = :key",
        "update users set deleted_at = now() where id = :user",
        "update organizations set deleted_at = now() where id = :organization",
        "delete from user_roles where user_id = :user",
    ],
)
async def test_keys_end(client: httpx.AsyncClient, key: Key, database: Database, ours: Tenant, *, change: str) -> None:
    """A key that is revoked, expired or deleted, or whose user or organization is gone, is as unknown as any other."""
    assert (await client.get("/api/queues")).status_code == 200
    values = {"key": key.id, "user": key.user_id, "organization": ours.organization_id}
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text(change).bindparams(**{k: v for k, v in values.items() if f":{k}" in change}))

    refused = await client.get("/api/queues")

    assert refused.status_code == 401
    assert refused.json()["error"] == REFUSED


async def test_key_is_asked_for_before_the_body_is_read(stranger: httpx.AsyncClient, ours: Tenant) -> None:
    """Without a key not a byte of the body is read."""
    read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield b"{"

    refused = await stranger.post(f"/api/queues/{ours.queue_id}/items", content=body())

    assert refused.status_code == 401
    assert not read


async def test_who_loses_the_right_while_sending_does_nothing(
    client: httpx.AsyncClient, key: Key, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that takes longer to come than a key is believed is looked at with the key as it is then."""
    monkeypatch.setattr(deps, "LIFE_SECONDS", 0.0)

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"payload": '
        await call(database, ours.scope, revoke_api_key, api_key_id=key.id)
        yield b"{}}"

    refused = await client.post(
        f"/api/queues/{ours.queue_id}/items", content=slowly(), headers={"Content-Type": "application/json"}
    )

    assert refused.status_code == 401


@pytest.mark.parametrize("path", ["/api/audit", "/api/organization/usage"])
async def test_a_key_for_some_queues_is_not_told_of_all(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, *, path: str
) -> None:
    """What is of every queue is refused to a key that is for some, whatever its scopes, and says why."""
    limited = await make_key(database, ours, queue_ids=[ours.queue_id])

    refused = await stranger.get(path, headers=limited.headers)

    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert "some queues" in refused.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/api/queues", Permission.QUEUES_MANAGE),
        ("GET", "/api/queues", Permission.QUEUES_READ),
        ("GET", "/api/queues/{queue}", Permission.QUEUES_READ),
        ("POST", "/api/queues/{queue}/items", Permission.ITEMS_ENQUEUE),
        ("POST", "/api/queues/{queue}/items/batch", Permission.ITEMS_ENQUEUE),
        ("GET", "/api/queues/{queue}/items", Permission.ITEMS_READ),
        ("GET", "/api/items/{item}", Permission.ITEMS_READ),
        ("POST", "/api/queues/{queue}/claim", Permission.ITEMS_CLAIM),
        ("POST", "/api/items/{item}/renew", Permission.ITEMS_CLAIM),
        ("POST", "/api/items/{item}/complete", Permission.ITEMS_CLAIM),
        ("POST", "/api/items/{item}/fail", Permission.ITEMS_CLAIM),
        ("POST", "/api/items/{item}/release", Permission.ITEMS_CLAIM),
    ],
)
async def test_missing_scope_is_named(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, *, method: str, path: str, scope: Permission
) -> None:
    """Every route needs exactly its scope: without it 403 names it, whatever the ids; with it alone, no 403."""
    without = await make_key(database, ours, scopes=KEY_SCOPES - {scope})
    only = await make_key(database, ours, scopes={scope})
    body: dict[str, Any] | None = {} if method == "POST" else None
    for queue, item in ((ours.queue_id, new_id()), (new_id(), "short")):
        address = path.format(queue=queue, item=item)

        refused = await stranger.request(method, address, json=body, headers=without.headers)
        allowed = await stranger.request(method, address, json=body, headers=only.headers)

        assert refused.status_code == 403
        assert refused.json()["code"] == "FORBIDDEN"
        assert scope.value in refused.json()["error"]
        assert allowed.status_code in {200, 400, 404}


async def test_key_can_do_no_more_than_its_maker_today(client: httpx.AsyncClient, key: Key, database: Database) -> None:
    """When the maker's role shrinks, the key's scopes shrink with it."""
    async with database.unit_of_work(FLEET) as session:
        await session.execute(
            text("update user_roles set role_id = 'viewer' where user_id = :user").bindparams(user=key.user_id)
        )

    assert (await client.get("/api/queues")).status_code == 200
    assert (await client.post("/api/queues", json={"name": "more"})).status_code == 403


async def test_the_actor_carries_what_the_key_may_do(database: Database, resources: Resources, ours: Tenant) -> None:
    """The audit trail's actor for a request is the key, with its scopes, so that it hands out no more than it has."""
    principal = await knock(database, (await make_key(database, ours, scopes={Permission.QUEUES_MANAGE})).raw)

    actor = Caller(principal, Permission.QUEUES_MANAGE, resources, "the-request").actor

    assert actor == Actor("api_key", principal.api_key_id, "the-request", frozenset({"queues:manage"}))
    assert actor.lacks(["queues:manage", "queues:read"]) == ["queues:read"]
