from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.api.conftest import Key, make_key
from tests.fixtures.items import FLEET, claimed, enqueue_some
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import call
from tests.fixtures.sessions import sign_in
from tests.fixtures.statements import opened
from tests.fixtures.streams import Event, Stream, listening
from tests.fixtures.waiting import until

from fairlead.api.app import create_app
from fairlead.api.watches import Watches
from fairlead.db.session import Database
from fairlead.services.api_keys import revoke_api_key
from fairlead.services.members import remove_member
from fairlead.services.queues import create_queue, soft_delete_queue, update_queue

pytestmark = pytest.mark.anyio
SOON = 0.02  # seconds between two looks


@pytest.fixture
async def app(app: FastAPI) -> AsyncIterator[FastAPI]:
    """The application, whose watches look often."""
    watches = app.state.watches = Watches(app.state.resources.database, look_seconds=SOON, most_listeners=3)
    yield app
    await watches.close()


@asynccontextmanager
async def another_app(app: FastAPI, database: Database) -> AsyncIterator[FastAPI]:
    """Yield the application of another process, on a pool, whose watches look often."""
    made = create_app(replace(app.state.resources, database=database))
    watches = made.state.watches = Watches(database, look_seconds=SOON)
    yield made
    await watches.close()


async def first(stream: Stream) -> Event:
    """Return the last message of the first state that a client of one queue is told."""
    assert (await stream.next()) == Event("reset", {})
    return await stream.next()


async def told(stream: Stream, **expected: object) -> Event:
    """Read until a message says this, and return it."""
    event = await stream.next()
    while not expected.items() <= event.data.items():
        event = await stream.next()
    return event


async def test_a_listener_is_told_how_everything_is_and_then_what_changes(
    app: FastAPI, key: Key, database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """It begins with a reset and every queue; items and changes follow, and nothing of another organization."""
    await enqueue_some(database, ours, 2)
    async with listening(app, key.headers) as stream:
        begun = await first(stream)
        await enqueue_some(database, theirs, 7)
        await claimed(database, ours, 1)
        moved = await told(stream, waiting=0, processing=3)
        await call(database, ours.scope, update_queue, queue_id=ours.queue_id, name="renamed: event")
        renamed = await told(stream, name="renamed: event")
        await call(database, ours.scope, soft_delete_queue, queue_id=ours.queue_id)
        removed = await stream.next()

    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert (begun.kind, begun.data["queueId"], begun.data["waiting"]) == ("queue", ours.queue_id, 2)
    assert (removed.kind, removed.data) == ("queue_removed", {"queueId": ours.queue_id})
    assert all(event.id for event in (begun, moved, renamed, removed))


async def test_changes_are_coalesced(app: FastAPI, key: Key, database: Database, ours: Tenant) -> None:
    """However much happens in a queue, between two looks it is one message with how things are then."""
    watches: Watches = app.state.watches
    async with listening(app, key.headers) as stream:
        await first(stream)
        watches.look_seconds = 0.3
        await stream_is_idle(stream)
        for _ in range(5):
            await enqueue_some(database, ours, 3)
        events = [await stream.next()]
        while events[-1].data["waiting"] < 15:
            events.append(await stream.next())

    assert len(events) <= 3


async def stream_is_idle(stream: Stream) -> None:
    """Return when nothing is waiting to be read."""

    async def idle() -> bool:
        return stream.waiting == 0

    await until(idle, what="nothing is left to be read")


async def test_who_comes_back_is_told_what_it_missed(app: FastAPI, key: Key, database: Database, ours: Tenant) -> None:
    """With the last id, at another process: what changed meanwhile, and not everything anew.

    What was open on the server when the id was told, in any database, may have it told again what came just before.
    """
    still = await call(database, ours.scope, create_queue, name="still")
    await enqueue_some(database, Tenant(ours.organization_id, still.id), 1)
    await enqueue_some(database, ours, 1)
    async with listening(app, key.headers) as stream:
        await stream.next()
        events = [await stream.next(), await stream.next()]
    await enqueue_some(database, ours, 4)
    headers = {**key.headers, "Last-Event-ID": str(events[-1].id)}
    async with another_app(app, database) as another, listening(another, headers) as stream:
        missed = [await stream.next()]
        while missed[-1].id is None:
            missed.append(await stream.next())

    assert [event.id is None for event in events] == [True, False]
    assert {event.kind for event in missed} == {"queue"}
    assert [event.data["waiting"] for event in missed if event.data["queueId"] == ours.queue_id] == [5]


async def test_who_lost_the_stream_in_between_is_told_all_of_it_again(
    app: FastAPI, key: Key, database: Database, ours: Tenant
) -> None:
    """A place is told with the last message of what belongs together only, so that one that was cut off comes again."""
    for name in ("a", "b", "c"):
        await call(database, ours.scope, create_queue, name=name)
    async with listening(app, key.headers) as stream:
        events = [await stream.next() for _ in range(5)]

    assert [event.id is not None for event in events] == [False, False, False, False, True]


@pytest.mark.parametrize(
    "place", ["nonsense", "9" * 18 + "-" + "0" * 16, "9" * 19 + "-" + "0" * 16, "x" * 5000, "1-" + "0" * 16, ""]
)
async def test_a_place_that_is_not_known_begins_anew(app: FastAPI, key: Key, place: str) -> None:
    """An id that was never told, of another database or of another set of queues is no error: everything is told."""
    async with listening(app, {**key.headers, "Last-Event-ID": place}) as stream:
        assert (await first(stream)).kind == "queue"


async def test_a_key_for_some_queues_hears_of_them_only(app: FastAPI, database: Database, ours: Tenant) -> None:
    """What happens in the other queues of its organization is not told to a key that is not for them."""
    other = await call(database, ours.scope, create_queue, name="other")
    key = await make_key(database, ours, queue_ids=[ours.queue_id])
    async with listening(app, key.headers) as stream:
        begun = await first(stream)
        await enqueue_some(database, Tenant(ours.organization_id, other.id), 2)
        await enqueue_some(database, ours, 1)
        moved = await stream.next()

    assert begun.id
    assert {begun.data["queueId"], moved.data["queueId"]} == {ours.queue_id}


async def test_a_stream_ends_when_its_key_is_revoked(app: FastAPI, key: Key, database: Database, ours: Tenant) -> None:
    """Nothing that happens after a key was revoked is told."""
    async with listening(app, key.headers) as stream:
        await first(stream)
        await call(database, ours.scope, revoke_api_key, api_key_id=key.id)
        rest = await stream.ended()
        await enqueue_some(database, ours, 1)

    assert rest == []


async def test_a_members_stream_ends_with_the_session_and_the_membership(
    app: FastAPI, key: Key, database: Database, ours: Tenant
) -> None:
    """A session hears at the organization's address, until it is ended or its user is no member any more."""
    another = await make_key(database, ours)  # its maker is an owner, too
    path = f"/api/organizations/{ours.organization_id}/events"
    tokens = [await sign_in(database, user_id) for user_id in (key.user_id, another.user_id)]
    async with (
        listening(app, {"Authorization": f"Bearer {tokens[0]}"}, path=path) as first_stream,
        listening(app, {"Authorization": f"Bearer {tokens[1]}"}, path=path) as second_stream,
    ):
        await first(first_stream)
        await first(second_stream)
        async with database.unit_of_work(FLEET) as session:
            end = text("update sessions set revoked_at = now() where user_id = :user")
            await session.execute(end.bindparams(user=key.user_id))
        await first_stream.ended()
        await call(database, ours.scope, remove_member, user_id=another.user_id)
        await second_stream.ended()


async def test_streams_end_when_the_server_stops(app: FastAPI, key: Key) -> None:
    """A server that stops does not wait for its listeners."""
    watches: Watches = app.state.watches
    async with listening(app, key.headers) as stream:
        await first(stream)
        await watches.close()
        assert await stream.ended() == []


async def test_an_organization_has_so_many_listeners(
    app: FastAPI, client: httpx.AsyncClient, key: Key, database: Database, theirs: Tenant
) -> None:
    """One more is refused, saying when to come again, until one of them has gone; another organization's is not."""
    foreign = await make_key(database, theirs)
    async with listening(app, key.headers) as one, listening(app, key.headers) as two:
        async with listening(app, key.headers) as three:
            for stream in (one, two, three):
                await first(stream)
            refused = await client.get("/api/events")
            async with listening(app, foreign.headers) as another:
                await first(another)
        async with listening(app, key.headers) as four:
            await first(four)

    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_STREAMS")
    assert refused.headers["retry-after"] == "5"


async def test_who_goes_is_forgotten(app: FastAPI, key: Key) -> None:
    """A client that goes, whenever it goes, leaves its place to another one."""
    for _ in range(4):
        await Stream(app, "/api/events", key.headers).leave()
    for _ in range(4):
        async with listening(app, key.headers) as stream:
            await first(stream)


async def test_a_client_that_reads_slowly_is_told_the_latest_only(
    app: FastAPI, key: Key, database: Database, ours: Tenant
) -> None:
    """While it does not read nothing piles up, and neither a connection nor a transaction is held for it."""
    async with (
        opened(database, pool_size=1) as narrow,
        another_app(app, narrow) as served,
        listening(served, key.headers) as stream,
    ):
        await first(stream)
        stream.pause()
        for _ in range(4):
            await enqueue_some(narrow, ours, 1)
        await call(narrow, ours.scope, create_queue, name="more")
        assert stream.waiting == 0
        stream.go_on()
        events = [await stream.next()]
        while events[-1].data["name"] != "more":
            events.append(await stream.next())

    assert len(events) <= 4


async def test_a_quiet_stream_is_kept_alive(app: FastAPI, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment comes now and then, so that nobody in between takes the connection for dead."""
    monkeypatch.setattr("fairlead.api.event_stream.HEARTBEAT_SECONDS", 0.0)
    async with listening(app, key.headers) as stream:
        await first(stream)

        async def alive() -> bool:
            return stream.waiting > 1

        await until(alive, what="a comment is sent")
