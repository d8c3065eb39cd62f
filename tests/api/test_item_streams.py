from __future__ import annotations

import errno
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.api.conftest import Key, make_key
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.api import item_streams
from fairlead.api.body import NDJSON
from fairlead.db.session import Database
from fairlead.domain import limits
from fairlead.services.api_keys import revoke_api_key

pytestmark = pytest.mark.anyio


def lines_of(*items: Any) -> bytes:
    """Write items one a line."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


async def sent(client: httpx.AsyncClient, tenant: Tenant, body: Any, **headers: str) -> httpx.Response:
    """Send lines."""
    path = f"/api/queues/{tenant.queue_id}/items/batch"
    return await client.post(path, content=body, headers={"Content-Type": NDJSON, **headers})


async def count(database: Database) -> int:
    """How many items there are."""
    [(items,)] = await tell(database, "select count(*) from queue_items")
    return int(items)


async def test_a_line_is_an_item(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Each line becomes an item, more than a batch may have, and the answer lists their ids in order."""
    items = [{"payload": {"n": n, "text": "\\ \t ä"}, "priority": n % 3} for n in range(limits.BATCH_ITEMS + 500)]

    answer = await sent(client, ours, lines_of(*items).replace(b"\n", b"\n\n").rstrip())

    assert answer.status_code == 201, answer.text
    ids = answer.json()["data"]["ids"]
    assert len(ids) == len(items)
    for n in (0, 999, 1499):
        item = (await client.get(f"/api/items/{ids[n]}")).json()["data"]
        assert (item["payload"], item["priority"]) == (items[n]["payload"], items[n]["priority"])
    assert (await client.get(f"/api/queues/{ours.queue_id}/items")).json()["pagination"]["total"] == len(items)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        (b'{"payload": []}', "items[2].payload"),
        (b'{"payload": {}, "colour": 1}', "items[2].colour"),
        (b'{"payload": {}, "uniqueKey": "k"}', "items[2].uniqueKey"),
        (b'{"payload": {"a": 1, "a": 2}}', "items[2]"),
        (b'{"payload": {"a": "\\u0000"}}', "items[2]"),
        (b'{"payload": ', "items[2]"),
        (b"[" * 100_000, "items[2]"),
        (b" " * limits.BODY_BYTES + b"{}", "items[2]"),
        (b"\xff", "items[2]"),
        (b"[]", "items[2]"),
    ],
)
async def test_one_wrong_line_keeps_all_out(
    client: httpx.AsyncClient, database: Database, ours: Tenant, *, line: bytes, wrong: str
) -> None:
    """The first wrong line is named, counted from 0, and nothing is enqueued."""
    refused = await sent(client, ours, lines_of({"payload": {}}, {"payload": {}}) + line + b"\n")

    assert refused.status_code == 400
    assert [*refused.json()["details"]] == [wrong]
    assert await count(database) == 0


async def test_what_is_no_stream_of_items(client: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """Nothing to enqueue, an unknown queue and a queue that has no room for all are refused as ever."""
    small = await make_tenant(database)
    await tell(database, "update queues set max_depth = 2 where id = :id", id=ours.queue_id)

    nothing = await sent(client, ours, b"\n \n")
    unknown = await sent(client, small, lines_of({"payload": {}}))
    too_many = await sent(client, ours, lines_of(*[{"payload": {}}] * 3))
    fits = await sent(client, ours, lines_of(*[{"payload": {}}] * 2))

    assert (nothing.status_code, nothing.json()["details"].keys()) == (400, {"items"})
    assert unknown.status_code == 404
    assert (too_many.status_code, too_many.json()["code"]) == (429, "QUEUE_FULL")
    assert (fits.status_code, await count(database)) == (201, 2)


async def test_a_stream_is_enqueued_once(client: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """Under an idempotency key the same lines are enqueued once, and others refused."""
    key = {"Idempotency-Key": "k"}
    body = lines_of(*[{"payload": {}}] * 3)

    first, again = await sent(client, ours, body, **key), await sent(client, ours, body, **key)
    other = await sent(client, ours, body + body, **key)

    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, await count(database)) == (422, 3)


async def test_a_stream_has_a_limit(
    client: httpx.AsyncClient, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream of exactly the limit is let in, one byte more is not, whether or not it is announced."""
    body = lines_of(*[{"payload": {}}] * 10)
    monkeypatch.setattr(item_streams, "STREAM_BYTES", len(body))

    async def unannounced() -> AsyncIterator[bytes]:
        yield body
        yield b" "

    fits = await sent(client, ours, body)
    refused = [await sent(client, ours, body + b" "), await sent(client, ours, unannounced())]

    assert fits.status_code == 201
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(413, "PAYLOAD_TOO_LARGE")] * 2
    assert await count(database) == 10
    assert limits.STREAM_BYTES == 50 * 1024 * 1024


async def test_who_loses_the_right_while_sending_sends_nothing(
    client: httpx.AsyncClient, key: Key, database: Database, ours: Tenant
) -> None:
    """A stream is looked at again when all of it has come: a key that was revoked meanwhile enqueues nothing."""

    async def slowly() -> AsyncIterator[bytes]:
        yield lines_of({"payload": {}})
        async with database.unit_of_work(ours.scope) as session:
            await revoke_api_key(session, ours.scope, api_key_id=key.id)
        yield lines_of({"payload": {}})

    refused = await sent(client, ours, slowly())

    assert refused.status_code == 401
    assert await count(database) == 0


async def test_empty_lines_are_no_stream(client: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """Some empty lines between items are passed over, a body of nothing else is not read to its end."""
    some = await sent(client, ours, b"\n" * 1000 + lines_of({"payload": {}}))
    refused = await sent(client, ours, lines_of({"payload": {}}) + b" \n" * 1002)

    assert some.status_code == 201
    assert (refused.status_code, refused.json()["details"]) == (
        400,
        {"items": "are outnumbered by the empty lines between them by more than 1,000"},
    )
    assert await count(database) == 1


@pytest.mark.parametrize("full", ["_laid_aside", "_Ids.add"])
async def test_a_full_disk_is_no_defect(
    client: httpx.AsyncClient, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch, *, full: str
) -> None:
    """Where a body, or its answer, finds no room, the client is told to come again, and nothing is enqueued."""

    def no_room(*_given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    owner, _, name = full.rpartition(".")
    monkeypatch.setattr(getattr(item_streams, owner) if owner else item_streams, name, no_room)
    refused = await sent(client, ours, lines_of({"payload": {}}))

    assert (refused.status_code, refused.json()["code"]) == (503, "BUSY")
    assert int(refused.headers["retry-after"]) >= 1
    assert await count(database) == 0


async def test_a_stream_asks_who_sends_it(stranger: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """Nobody, a key that may not enqueue and one of another queue send no stream, whatever is in it."""
    other = await make_key(database, ours, queue_ids=[])
    reader = await make_key(database, ours, scopes={"items:read"})

    for key, status in ((None, 401), (reader, 403), (other, 404)):
        refused = await sent(stranger, ours, b"junk", **(key.headers if key else {}))
        assert refused.status_code == status
    assert await count(database) == 0
