from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from tests.api.conftest import Key, make_key
from tests.fixtures.items import FLEET
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell
from tests.fixtures.sessions import sign_in
from tests.fixtures.signing import bearer

from fairlead.db.session import Database
from fairlead.engine.prune import prune_answers

pytestmark = pytest.mark.anyio


def under(key: str) -> dict[str, str]:
    """The header of an idempotency key."""
    return {"Idempotency-Key": key}


async def queues(database: Database) -> int:
    """How many queues there are besides the tenants'."""
    [(count,)] = await tell(database, "select count(*) from queues where name <> 'work'")
    return int(count)


async def test_a_repeated_request_gets_the_first_answer(client: httpx.AsyncClient, database: Database) -> None:
    """The same request under the same key answers the same, marked, and makes nothing; without a key it is another."""
    first = await client.post("/api/queues", json={"name": "once"}, headers=under("a"))
    again = await client.post("/api/queues", json={"name": "once"}, headers=under("a"))
    without = await client.post("/api/queues", json={"name": "once"})

    assert (first.status_code, again.status_code, without.status_code) == (201, 201, 409)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert await queues(database) == 1


async def test_another_request_under_a_key_is_refused(
    client: httpx.AsyncClient, database: Database, ours: Tenant
) -> None:
    """Another body, or another thing in the address, is 422 and makes nothing; another route has keys of its own."""
    other = (await client.post("/api/queues", json={"name": "other"})).json()["data"]["id"]
    path = f"/api/queues/{ours.queue_id}/items"
    first = await client.post(path, json={"payload": {"n": 1}}, headers=under("a"))

    for refused in (
        await client.post(path, json={"payload": {"n": 2}}, headers=under("a")),
        await client.post(f"/api/queues/{other}/items", json={"payload": {"n": 1}}, headers=under("a")),
    ):
        assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    batch = await client.post(f"{path}/batch", json={"items": [{"payload": {}}]}, headers=under("a"))

    assert (first.status_code, batch.status_code) == (201, 201)
    [(count,)] = await tell(database, "select count(*) from queue_items")
    assert count == 2


async def test_it_is_the_same_request_at_both_addresses(client: httpx.AsyncClient, ours: Tenant) -> None:
    """What was asked at the short address is not done again at the one that names the organization."""
    short, long = (
        f"/api/queues/{ours.queue_id}/items",
        f"/api/organizations/{ours.organization_id}/queues/{ours.queue_id}/items",
    )

    first = await client.post(short, json={"payload": {}}, headers=under("a"))
    again = await client.post(long, json={"payload": {}}, headers=under("a"))

    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content


async def test_a_refused_request_can_be_mended(client: httpx.AsyncClient) -> None:
    """An error is not kept: the mended request may come under the same key."""
    taken = await client.post("/api/queues", json={"name": "work"}, headers=under("a"))
    mended = await client.post("/api/queues", json={"name": "free"}, headers=under("a"))

    assert (taken.status_code, mended.status_code) == (409, 201)


async def test_a_run_without_a_body_is_made_once(client: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """What is told by its address alone is made once, too."""
    made = await client.post("/api/schedules", json={"queueId": ours.queue_id, "name": "s", "cron": "0 0 29 2 *"})
    runs = [await client.post(f"{made.headers['location']}/run", headers=under("a")) for _ in range(2)]

    assert runs[0].json() == runs[1].json()
    assert await tell(database, "select count(*) from queue_items") == [(1,)]


async def test_impossible_keys_are_named(client: httpx.AsyncClient) -> None:
    """A key that is empty, too long or not plain ASCII is refused by name; the longest one is accepted."""
    for given in ("", "with space", "x" * 256, "é"):
        headers = [(b"Idempotency-Key", given.encode())]
        refused = await client.post("/api/queues", json={"name": "n"}, headers=headers)
        assert (refused.status_code, refused.json()["details"].keys()) == (400, {"Idempotency-Key"})
    accepted = await client.post("/api/queues", json={"name": "n"}, headers=under("x" * 255))
    assert accepted.status_code == 201


async def test_fifty_at_once_make_one_thing(client: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """Of fifty parallel requests under one key one makes the item; the others get its answer or are to come again."""
    path = f"/api/queues/{ours.queue_id}/items"

    async def send() -> httpx.Response:
        return await client.post(path, json={"payload": {}}, headers=under("a"))

    answers = await asyncio.gather(*(send() for _ in range(50)))

    made = [answer for answer in answers if answer.status_code == 201]
    early = [answer for answer in answers if answer.status_code == 409]
    assert len(made) + len(early) == 50
    assert len({answer.json()["data"]["id"] for answer in made}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in made) == 1
    assert {(answer.json()["code"], answer.headers["retry-after"]) for answer in early} <= {
        ("IDEMPOTENCY_IN_FLIGHT", "1")
    }
    assert await tell(database, "select count(*) from queue_items") == [(1,)]


async def test_a_person_makes_an_organization_once(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant
) -> None:
    """Of fifty at once under one key one makes the organization; another body is 422, another person apart."""
    user_ids = [await make_user(database, ours) for _ in range(2)]
    one, other = [bearer(await sign_in(database, user_id)) for user_id in user_ids]

    async def send(who: dict[str, str], slug: str) -> httpx.Response:
        body = {"name": "New", "slug": slug}
        return await stranger.post("/api/organizations", json=body, headers={**who, **under("a")})

    answers = await asyncio.gather(*(send(one, "new") for _ in range(50)))
    again, reused, apart = await send(one, "new"), await send(one, "newer"), await send(other, "others")

    made = [answer for answer in (*answers, again) if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in made}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in made) == 1
    assert again.headers["location"] == f"/api/organizations/{again.json()['data']['id']}"
    assert (reused.status_code, reused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (apart.status_code, "idempotency-replayed" in apart.headers) == (201, False)
    slugs = await tell(database, "select slug from organizations where slug in ('new', 'newer', 'others') order by 1")
    assert slugs == [("new",), ("others",)]


async def test_keys_are_an_organizations_own(
    client: httpx.AsyncClient, database: Database, theirs: Tenant, key: Key
) -> None:
    """Another organization's key of the same text is another key, and its answer nobody else's."""
    ours: Any = (await client.post("/api/queues", json={"name": "n"}, headers=under("a"))).json()["data"]
    client.headers.update((await make_key(database, theirs)).headers)

    made = await client.post("/api/queues", json={"name": "n"}, headers=under("a"))

    assert made.status_code == 201
    assert "idempotency-replayed" not in made.headers
    assert made.json()["data"]["id"] != ours["id"]
    assert key.user_id not in made.text


async def test_keys_are_pruned_after_a_day(client: httpx.AsyncClient, database: Database) -> None:
    """A key that is older than a day goes, a younger one stays."""
    for name in ("a", "b"):
        await client.post("/api/queues", json={"name": name}, headers=under(name))
    await tell(database, "update idempotency_keys set created_at = now() - interval '25 hours' where key = 'a'")

    removed = await prune_answers(database.alone(FLEET), FLEET, seconds=24 * 3600, most=100)

    assert removed == 1
    assert await tell(database, "select key from idempotency_keys") == [("b",)]


async def test_an_answer_is_for_whoever_asked(client: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """Somebody else of the organization who sends the same under the same key is refused, and is told nothing of it."""
    ids = [await make_user(database, ours, role) for role in ("owner", "admin")]
    owner, admin = [bearer(await sign_in(database, user_id)) for user_id in ids]
    address = f"/api/organizations/{ours.organization_id}/api-keys"
    body = {"name": "ci", "scopes": ["organization:manage"]}

    made = await client.post(address, json=body, headers={**owner, **under("a")})
    answers = [await client.post(address, json=body, headers={**admin, **under(name)}) for name in ("a", "b")]
    again = await client.post(address, json=body, headers={**owner, **under("a")})

    assert [answer.json()["code"] for answer in answers] == ["IDEMPOTENCY_KEY_REUSED", "FORBIDDEN"]
    assert made.json()["data"]["key"] not in answers[0].text
    assert again.json() == made.json()
