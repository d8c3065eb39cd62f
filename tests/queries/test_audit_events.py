from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.db.tenancy import Scope, system, tenant
from fairlead.domain.ids import new_id
from fairlead.errors import NotFound, ValidationFailed
from fairlead.queries.audit_events import get_audit_event, get_audit_page, get_audit_slice
from fairlead.queries.page import After, Window
from fairlead.rows import AuditEvent
from fairlead.services.audit import OPERATOR, Actor, Event, Subject, record
from fairlead.services.organizations import create_organization, delete_organization
from fairlead.services.users import create_user

pytestmark = pytest.mark.anyio
ADA, KEY = Actor("user", "ada", "the-request"), Actor("api_key", "a-key")
QUEUE, USER = Subject("queue", "a-queue"), Subject("user", "a-user")


async def happen(database: Database, tenant: Tenant, action: str, actor: Actor = OPERATOR, of: Subject = QUEUE) -> None:
    """Let one event be, in a transaction of its own."""
    async with database.unit_of_work(tenant.scope) as session:
        await record(session, tenant.scope, actor=actor, events=[Event(action, of, after={"by": action})])


async def events(database: Database, scope: Scope, **filters: Any) -> list[AuditEvent]:
    """Return what a page and a slice with these filters show, which must be the same."""
    async with database.unit_of_work(scope) as session:
        page = await get_audit_page(session, scope, window=Window(limit=100), **filters)
        part = await get_audit_slice(session, scope, after=After(limit=100), **filters)
    assert page.data == part.data
    assert page.total == len(page.data)
    return list(page.data)


async def actions(database: Database, scope: Scope, **filters: Any) -> list[str]:
    """Return the actions that are listed."""
    return [event.action for event in await events(database, scope, **filters)]


async def test_an_event_tells_who_and_what(database: Database, ours: Tenant) -> None:
    """An event is read as it was written: actor, action, subject, request, and what was before and after."""
    async with database.unit_of_work(ours.scope) as session:
        event = Event("queue.updated", QUEUE, before={"n": 1}, after={"n": 2})
        await record(session, ours.scope, actor=ADA, events=[event])
    [listed] = await events(database, ours.scope)

    async with database.unit_of_work(ours.scope) as session:
        found = await get_audit_event(session, ours.scope, event_id=listed.id)

    assert found == listed
    assert (found.organization_id, found.action) == (ours.organization_id, "queue.updated")
    assert (found.actor_kind, found.actor_id, found.request_id) == ("user", "ada", "the-request")
    assert (found.subject_kind, found.subject_id, found.before, found.after) == ("queue", "a-queue", {"n": 1}, {"n": 2})


async def test_an_organization_sees_its_own_events_only(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Another organization's event is NotFound, in no list and in no total; a SystemScope sees both."""
    await happen(database, ours, "queue.paused")
    await happen(database, theirs, "queue.resumed")
    [other] = await events(database, theirs.scope)

    assert await actions(database, ours.scope) == ["queue.paused"]
    assert await actions(database, ours.scope, subject_id="a-queue", action="queue.resumed") == []
    assert await actions(database, FLEET) == ["queue.resumed", "queue.paused"]
    async with database.unit_of_work(ours.scope) as session:
        for event_id in (other.id, new_id(), "short", "\x00"):
            with pytest.raises(NotFound):
                await get_audit_event(session, ours.scope, event_id=event_id)
    async with database.unit_of_work(FLEET) as session:
        assert await get_audit_event(session, FLEET, event_id=other.id) == other


async def test_nobodys_events_are_for_the_system(database: Database, ours: Tenant) -> None:
    """What happens to a user without an organization is seen in a SystemScope only."""
    async with database.unit_of_work(FLEET) as session:
        made = await create_user(session, FLEET, email="a@example.org", name="A")

    [event] = await events(database, FLEET, subject_id=made.id)
    assert (event.organization_id, event.action) == (None, "user.created")
    assert await events(database, ours.scope) == []
    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(NotFound):
            await get_audit_event(session, ours.scope, event_id=event.id)


async def test_the_trail_outlives_its_organization(database: Database) -> None:
    """What happened in an organization, its end included, is still told when it is gone."""
    operator = system("tests")
    async with database.unit_of_work(operator) as session:
        made = await create_organization(session, operator, name="Acme", slug="acme")
    async with database.unit_of_work(operator) as session:
        await delete_organization(session, operator, organization_id=made.id)

    assert await actions(database, FLEET) == ["organization.deleted", "organization.created"]
    assert await actions(database, tenant(made.id)) == ["organization.deleted", "organization.created"]


async def test_events_are_filtered(database: Database, ours: Tenant) -> None:
    """By subject, by actor and by how the action begins, taken literally; filters add up, and None is no filter."""
    await happen(database, ours, "queue.paused", ADA)
    await happen(database, ours, "queue.resumed", KEY)
    await happen(database, ours, "user.updated", ADA, USER)
    scope = ours.scope

    assert await actions(database, scope, subject_kind="user") == ["user.updated"]
    assert await actions(database, scope, subject_kind="queue", subject_id="a-queue") == [
        "queue.resumed",
        "queue.paused",
    ]
    assert await actions(database, scope, actor_kind="user") == ["user.updated", "queue.paused"]
    assert await actions(database, scope, actor_kind="api_key", actor_id="a-key") == ["queue.resumed"]
    assert await actions(database, scope, action="queue.") == ["queue.resumed", "queue.paused"]
    assert await actions(database, scope, action="queue.p", actor_id="ada") == ["queue.paused"]
    assert await actions(database, scope, subject_kind=None, actor_id=None, since=None, action=None) == [
        *("user.updated", "queue.resumed", "queue.paused")
    ]
    for nothing in ("%", "_ueue.", "eue.", "\x00", "\ud800"):
        assert await actions(database, scope, action=nothing) == []
        assert await actions(database, scope, subject_id=nothing) == []


async def test_events_are_found_between_times(database: Database, ours: Tenant) -> None:
    """`since` is the first instant that counts, `until` the first that does not; neither may leave out its zone."""
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    for hour, action in enumerate(("a.0", "a.1", "a.2")):
        await happen(database, ours, action)
        move = text("update audit_events set created_at = :at where action = :action")
        async with database.unit_of_work(FLEET) as session:
            await session.execute(move.bindparams(at=noon + timedelta(hours=hour), action=action))

    assert await actions(database, ours.scope, since=noon + timedelta(hours=1)) == ["a.2", "a.1"]
    assert await actions(database, ours.scope, until=noon + timedelta(hours=1)) == ["a.0"]
    between = {"since": noon + timedelta(hours=1), "until": noon + timedelta(hours=2)}
    assert await actions(database, ours.scope, **between) == ["a.1"]
    with pytest.raises(ValidationFailed) as refused:
        await actions(database, ours.scope, since=noon.replace(tzinfo=None), until=noon.replace(tzinfo=None))
    assert refused.value.details.keys() == {"since", "until"}


async def test_a_walk_visits_each_event_once(database: Database, ours: Tenant) -> None:
    """Slices of a filtered trail visit each event once, newest first, while further events come."""
    for number in range(7):
        await happen(database, ours, f"queue.{number}")
        await happen(database, ours, f"user.{number}", of=USER)

    walked, after = [], After(limit=3)
    while True:
        async with database.unit_of_work(ours.scope) as session:
            part = await get_audit_slice(session, ours.scope, after=after, action="queue.")
        walked += [event.action for event in part.data]
        await happen(database, ours, "queue.later")
        if part.next is None:
            break
        after = After(part.next, 3)

    assert walked == [f"queue.{number}" for number in reversed(range(7))]
