from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.api.conftest import make_key
from tests.fixtures.items import FLEET, row_of
from tests.fixtures.organizations import Tenant, make_tenant

from fairlead.db.session import Database
from fairlead.domain import limits
from fairlead.domain.ids import new_id
from fairlead.engine.advance import advance
from fairlead.services.items import cancel_items

pytestmark = pytest.mark.anyio
OUTCOMES: list[tuple[str, dict[str, Any]]] = [
    ("renew", {"leaseSeconds": 60, "progress": {"done": 1}}),
    ("complete", {"result": {"a": 1}}),
    ("fail", {"error": "no"}),
    ("fail", {"error": "no", "delaySeconds": 5, "retry": False}),
    ("release", {}),
]


async def enqueued(client: httpx.AsyncClient, tenant: Tenant, **values: Any) -> str:
    """Enqueue an item over HTTP and return its id."""
    made = await client.post(f"/api/queues/{tenant.queue_id}/items", json={"payload": {}, **values})
    return str(made.json()["data"]["id"])


async def claimed(client: httpx.AsyncClient, tenant: Tenant, **values: Any) -> list[dict[str, Any]]:
    """Claim over HTTP and return the items."""
    answer = await client.post(f"/api/queues/{tenant.queue_id}/claim", json={"limit": 10, **values})
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["data"]
    return items


async def test_claim_hands_out_under_a_lease(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A claim answers whole items in the queue's order, each with its lease and the lease's end."""
    low, high = await enqueued(client, ours), await enqueued(client, ours, priority=1)

    items = await claimed(client, ours, workerId="w1")

    assert [item["id"] for item in items] == [high, low]
    for item in items:
        assert item | {"status": "processing", "attempts": 1, "lease": 1, "finishedAt": None} == item
        assert item["leaseExpiresAt"] > item["startedAt"]
    read = (await client.get(f"/api/items/{low}")).json()["data"]
    assert items[1] | read == items[1]


async def test_nothing_to_claim_is_an_empty_list(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A claim that finds nothing answers 200 and an empty list, also for items that are not due."""
    await enqueued(client, ours, delaySeconds=3600)

    assert await claimed(client, ours) == []


async def test_claim_takes_no_more_than_asked(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A claim gives at most `limit` items, and no item twice."""
    ids = {await enqueued(client, ours) for _ in range(3)}

    first, second = await claimed(client, ours, limit=2), await claimed(client, ours, limit=2)

    assert [len(first), len(second)] == [2, 1]
    assert {item["id"] for item in first + second} == ids


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", 0),
        ("limit", limits.PAGE_ITEMS + 1),
        ("limit", True),
        ("limit", "1"),
        ("leaseSeconds", 0),
        ("leaseSeconds", limits.LEASE_SECONDS + 1),
        ("waitSeconds", -1),
        ("waitSeconds", 20.1),
        ("workerId", ""),
        ("queueId", "x"),
    ],
)
async def test_impossible_claims_are_named(client: httpx.AsyncClient, ours: Tenant, *, field: str, value: Any) -> None:
    """A claim beyond a limit is refused by name."""
    refused = await client.post(f"/api/queues/{ours.queue_id}/claim", json={"limit": 1, field: value})

    assert refused.status_code == 400
    assert refused.json()["details"].keys() == {field}


async def test_lease_time_can_be_chosen(client: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """A claim's `leaseSeconds` replaces the queue's own for the items it gets."""
    for seconds in (None, 500):
        item_id = await enqueued(client, ours)
        [item] = await claimed(client, ours, **({} if seconds is None else {"leaseSeconds": seconds}))
        async with database.unit_of_work(FLEET) as session:
            length = (
                await session.execute(
                    text(
                        "select extract(epoch from lease_expires_at - started_at)::int from queue_items where id = :id"
                    ).bindparams(id=item_id)
                )
            ).scalar_one()
        assert item["id"] == item_id
        assert length == (seconds or 30)


@pytest.mark.parametrize(
    ("paused_at", "resume_at", "given"),
    [
        ("2026-01-01T00:00:00Z", None, 0),
        ("2026-01-01T00:00:00Z", "2999-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", 1),
    ],
)
async def test_paused_queue_takes_but_gives_nothing(
    client: httpx.AsyncClient, database: Database, ours: Tenant, *, paused_at: str, resume_at: str | None, given: int
) -> None:
    """A paused queue accepts items and gives none, until the time it resumes at."""
    await enqueued(client, ours)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(
            text("update queues set paused_at = cast(:paused as text)::timestamptz, "
                 "resume_at = cast(:resume as text)::timestamptz where id = :id")
            .bindparams(paused=paused_at, resume=resume_at, id=ours.queue_id)
        )  # fmt: skip

    assert len(await claimed(client, ours)) == given


async def test_completing_twice_answers_the_same(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Completing keeps the result; repeating it answers the very same and changes nothing."""
    item_id = await enqueued(client, ours)
    [item] = await claimed(client, ours)
    path = f"/api/items/{item_id}/complete"

    first = await client.post(path, json={"lease": item["lease"], "result": {"rows": 3}})
    again = await client.post(path, json={"lease": item["lease"], "result": {"rows": 4}})

    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    done = first.json()["data"]
    assert done | {"status": "completed", "result": {"rows": 3}} == done
    assert done["completedAt"] == done["finishedAt"] is not None


async def test_failing_waits_for_the_next_attempt(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A failed attempt keeps its error and waits out the delay that was asked for."""
    item_id = await enqueued(client, ours)
    [item] = await claimed(client, ours)

    failed = await client.post(
        f"/api/items/{item_id}/fail", json={"lease": item["lease"], "error": "boom", "delaySeconds": 3600}
    )

    assert failed.status_code == 200
    waiting = failed.json()["data"]
    assert waiting | {"status": "waiting", "attempts": 1, "errorMessage": "boom", "startedAt": None} == waiting
    assert [(error["attempt"], error["error"]) for error in waiting["errors"]] == [(1, "boom")]
    assert waiting["scheduledFor"] > waiting["createdAt"]
    assert await claimed(client, ours) == []


async def test_back_off_is_the_queues(client: httpx.AsyncClient, database: Database) -> None:
    """Without a delay the queue's back-off decides, drawn between nothing and its bound."""
    slow = await make_tenant(
        database, backoff_policy="fixed", backoff_base_seconds=7200, backoff_cap_seconds=7200, backoff_jitter=False
    )
    client.headers.update((await make_key(database, slow)).headers)
    item_id = await enqueued(client, slow)
    [item] = await claimed(client, slow)

    await client.post(f"/api/items/{item_id}/fail", json={"lease": item["lease"], "error": "boom"})

    async with database.unit_of_work(FLEET) as session:
        delay = text("select extract(epoch from scheduled_for - now())::int from queue_items where id = :id")
        seconds = (await session.execute(delay.bindparams(id=item_id))).scalar_one()
    assert 7100 < seconds <= 7200


async def test_failing_without_retry_ends_the_item(client: httpx.AsyncClient, ours: Tenant) -> None:
    """`retry` false and the last attempt both end the item as failed; a long error is cut, not refused."""
    for values, retry in (({}, False), ({"maxAttempts": 1}, True)):
        item_id = await enqueued(client, ours, **values)
        [item] = await claimed(client, ours)
        body = {"lease": item["lease"], "error": "e" * 10_000, "retry": retry}

        failed = (await client.post(f"/api/items/{item_id}/fail", json=body)).json()["data"]

        assert failed["status"] == "failed"
        assert failed["finishedAt"] is not None
        assert failed["errorMessage"] == "e" * limits.ERROR_CHARACTERS


async def test_releasing_gives_the_attempt_back(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A released item waits as if it had not been claimed, but its old lease stays dead."""
    item_id = await enqueued(client, ours)
    [item] = await claimed(client, ours)

    released = (await client.post(f"/api/items/{item_id}/release", json={"lease": item["lease"]})).json()["data"]
    [again] = await claimed(client, ours)

    assert released | {"status": "waiting", "attempts": 0} == released
    assert again | {"attempts": 1, "lease": item["lease"] + 1} == again


async def test_renewing_extends_and_shows_progress(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A renewal extends the lease, keeps progress for people to see, and never shortens."""
    item_id = await enqueued(client, ours)
    [item] = await claimed(client, ours)
    path, lease = f"/api/items/{item_id}/renew", item["lease"]

    longer = await client.post(path, json={"lease": lease, "leaseSeconds": 600, "progress": {"percent": 5}})
    shorter = await client.post(path, json={"lease": lease})

    assert longer.status_code == shorter.status_code == 200
    held = longer.json()["data"]
    assert held["leaseExpiresAt"] > item["leaseExpiresAt"]
    assert held | {"progress": {"percent": 5}, "lease": lease, "status": "processing"} == held
    assert shorter.json()["data"]["leaseExpiresAt"] == held["leaseExpiresAt"]


@pytest.mark.parametrize("ordering_key", [None, "k"])
@pytest.mark.parametrize(("verb", "body"), [("complete", {}), ("fail", {"error": "no", "retry": False})])
async def test_the_end_of_an_ordered_item_is_news(
    app: FastAPI,
    client: httpx.AsyncClient,
    database: Database,
    ours: Tenant,
    *,
    ordering_key: str | None,
    verb: str,
    body: dict[str, Any],
) -> None:
    """When an item of an ordering key is over, whoever brings the next one forward is told; else nobody needs to be."""
    await enqueued(client, ours, **({} if ordering_key is None else {"orderingKey": ordering_key}))
    async with database.unit_of_work(FLEET) as session:
        await advance(session, FLEET, most=9)
    [item] = await claimed(client, ours)
    told: list[str] = []
    app.state.resources.notifier.overheard = told.append

    ended = await client.post(f"/api/items/{item['id']}/{verb}", json={"lease": item["lease"], **body})

    assert ended.status_code == 200
    assert told == ([] if ordering_key is None else [ours.queue_id])


@pytest.mark.parametrize(("verb", "body"), OUTCOMES)
async def test_stale_lease_changes_nothing(
    client: httpx.AsyncClient, database: Database, ours: Tenant, *, verb: str, body: dict[str, Any]
) -> None:
    """An outcome under a lease that is no longer current is 409 LEASE_LOST and leaves the row as it was."""
    item_id = await enqueued(client, ours)
    [item] = await claimed(client, ours)
    await client.post(f"/api/items/{item_id}/release", json={"lease": item["lease"]})
    for state in ("waiting", "claimed again"):
        before = await row_of(database, ours, item_id)

        stale = await client.post(f"/api/items/{item_id}/{verb}", json={"lease": item["lease"], **body})

        assert stale.status_code == 409, state
        assert stale.json()["code"] == "LEASE_LOST"
        assert await row_of(database, ours, item_id) == before
        await claimed(client, ours)


@pytest.mark.parametrize(("verb", "body"), OUTCOMES)
async def test_an_outcome_of_a_cancelled_item_ends_it(
    client: httpx.AsyncClient, database: Database, ours: Tenant, *, verb: str, body: dict[str, Any]
) -> None:
    """An outcome of an item that is being cancelled is 409 ITEM_CANCELLED, and ends it; a renewal only says so."""
    item_id = await enqueued(client, ours)
    [item] = await claimed(client, ours)
    async with database.unit_of_work(ours.scope) as session:
        await cancel_items(session, ours.scope, item_ids=[item_id])
    assert (await client.get(f"/api/items/{item_id}")).json()["data"]["cancelRequestedAt"] is not None
    before = await row_of(database, ours, item_id)

    for _ in range(2):
        refused = await client.post(f"/api/items/{item_id}/{verb}", json={"lease": item["lease"], **body})
        assert (refused.status_code, refused.json()["code"]) == (409, "ITEM_CANCELLED")
        after = await row_of(database, ours, item_id)
        if verb == "renew":
            assert after == before
        else:
            assert (after["status"], after["result"]) == ("cancelled", None)

    stale = await client.post(f"/api/items/{item_id}/{verb}", json={"lease": item["lease"] + 1, **body})
    assert stale.json()["code"] == "LEASE_LOST"


@pytest.mark.parametrize(("verb", "body"), OUTCOMES)
async def test_outcome_of_an_unknown_item_is_not_found(
    client: httpx.AsyncClient, *, verb: str, body: dict[str, Any]
) -> None:
    """An outcome for an item that does not exist is 404, whatever the lease."""
    for item_id in (new_id(), "short"):
        missing = await client.post(f"/api/items/{item_id}/{verb}", json={"lease": 1, **body})
        assert missing.status_code == 404


@pytest.mark.parametrize(
    ("verb", "body", "wrong"),
    [
        ("complete", {"lease": 1, "result": "\0"}, "body"),
        ("complete", {"lease": 1, "result": "x" * (limits.RESULT_BYTES - 1)}, "result"),
        ("complete", {"lease": 1, "result": {"a": "x" * limits.RESULT_BYTES}}, "result"),
        ("complete", {"lease": 0}, "lease"),
        ("complete", {"lease": 2**31}, "lease"),
        ("complete", {"lease": True}, "lease"),
        ("complete", {}, "lease"),
        ("fail", {"lease": 1}, "error"),
        ("fail", {"lease": 1, "error": "e", "retry": 1}, "retry"),
        ("fail", {"lease": 1, "error": "e", "delaySeconds": limits.DELAY_SECONDS + 1}, "delaySeconds"),
        ("renew", {"lease": 1, "leaseSeconds": 0}, "leaseSeconds"),
        ("renew", {"lease": 1, "progress": 5}, "progress"),
        ("release", {"lease": 1, "error": "e"}, "error"),
    ],
)
async def test_wrong_reports_are_named(
    client: httpx.AsyncClient, ours: Tenant, *, verb: str, body: dict[str, Any], wrong: str
) -> None:
    """A report with a wrong field is refused by name and changes nothing."""
    item_id = await enqueued(client, ours)
    await claimed(client, ours)

    refused = await client.post(f"/api/items/{item_id}/{verb}", json=body)

    assert refused.status_code == 400
    assert refused.json()["details"].keys() == {wrong}
    assert (await client.get(f"/api/items/{item_id}")).json()["data"]["status"] == "processing"


async def test_an_error_is_cut_at_its_limit(client: httpx.AsyncClient, ours: Tenant) -> None:
    """An error of exactly the largest size is kept whole, a longer one is cut to it."""
    for length in (limits.ERROR_CHARACTERS, limits.ERROR_CHARACTERS + 1):
        item_id = await enqueued(client, ours)
        [item] = await claimed(client, ours)
        error = "e" * (length - 1) + "f"

        failed = await client.post(
            f"/api/items/{item_id}/fail", json={"lease": item["lease"], "error": error, "retry": False}
        )

        assert failed.json()["data"]["errorMessage"] == error[: limits.ERROR_CHARACTERS]


@pytest.mark.parametrize(
    "result",
    [
        {"a": "x" * (limits.RESULT_BYTES - len('{"a":""}'))},
        "x" * (limits.RESULT_BYTES - len('""')),
        [1, {"a": None}],
        0,
        2.5,
        False,
        "",
        None,
    ],
    ids=lambda result: repr(result)[:9],
)
async def test_any_json_value_is_a_result(client: httpx.AsyncClient, ours: Tenant, *, result: Any) -> None:
    """A result is any JSON value, up to exactly the largest size, and is answered as it was told; null is none."""
    item_id = await enqueued(client, ours)
    [item] = await claimed(client, ours)

    done = await client.post(f"/api/items/{item_id}/complete", json={"lease": item["lease"], "result": result})

    assert done.status_code == 200
    kept = done.json()["data"]["result"]
    assert (type(kept), kept) == (type(result), result)
