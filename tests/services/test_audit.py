from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.fixtures.items import FLEET
from tests.fixtures.keys import PEPPER, make_user
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.api_keys import is_well_formed
from fairlead.domain.permissions import Permission
from fairlead.queries.audit_events import get_audit_page
from fairlead.queries.page import Window
from fairlead.queries.queues import get_queue
from fairlead.rows import AuditEvent, Queue
from fairlead.services.api_keys import (
    create_api_key,
    create_user_with_api_key,
    delete_api_key,
    revoke_api_key,
    rotate_api_key,
    update_api_key,
)
from fairlead.services.audit import OPERATOR, Actor, record_change

pytestmark = pytest.mark.anyio
ADA = Actor("user", "ada", "the-request", frozenset({"items:read"}))


async def events(database: Database) -> list[AuditEvent]:
    """Return every event, newest first."""
    async with database.unit_of_work(FLEET) as session:
        return list((await get_audit_page(session, FLEET, window=Window(limit=100))).data)


async def record_queue(database: Database, tenant: Tenant, **change: Any) -> Queue:
    """Record a change of the tenant's queue; `before` and `after` are fields that are different there, or None."""
    async with database.unit_of_work(tenant.scope) as session:
        queue = await get_queue(session, tenant.scope, queue_id=tenant.queue_id)
        given = {side: None if fields is None else replace(queue, **fields) for side, fields in change.items()}
        await record_change(session, tenant.scope, actor=ADA, action="queue.changed", kind="queue", **given)
    return queue


async def test_making_keeps_the_whole_row(database: Database, ours: Tenant) -> None:
    """Of a row that was made the event holds what it is, and nothing from before; instants as text with their zone."""
    queue = await record_queue(database, ours, before=None, after={})

    [event] = await events(database)
    assert (event.organization_id, event.actor_kind, event.actor_id) == (ours.organization_id, "user", "ada")
    assert (event.request_id, event.action) == ("the-request", "queue.changed")
    assert (event.subject_kind, event.subject_id) == ("queue", queue.id)
    assert event.before is None
    assert event.after is not None
    assert event.after.keys() == set(Queue.__slots__) - {"updated_at"}
    assert event.after["name"] == "work"
    assert datetime.fromisoformat(event.after["created_at"]) == queue.created_at


async def test_deleting_keeps_the_whole_row(database: Database, ours: Tenant) -> None:
    """Of a row that is gone the event holds what it was, and nothing for after."""
    await record_queue(database, ours, before={}, after=None)

    [event] = await events(database)
    assert event.after is None
    assert event.before is not None
    assert event.before.keys() == set(Queue.__slots__) - {"updated_at"}


async def test_changing_keeps_what_differs(database: Database, ours: Tenant) -> None:
    """Of a change the event holds the fields that differ, before and after, and no others."""
    now = datetime.now(UTC)
    await record_queue(
        database,
        ours,
        before={"updated_at": now, "max_attempts": 3},
        after={"name": "mail", "description": "all of it"},
    )

    [event] = await events(database)
    assert event.before == {"name": "work", "description": None}
    assert event.after == {"name": "mail", "description": "all of it"}


async def test_nothing_that_happened_is_nothing(database: Database, ours: Tenant) -> None:
    """Where nothing differs but the time of the change, no event is written."""
    await record_queue(database, ours, before={"updated_at": datetime.now(UTC)}, after={})

    assert await events(database) == []


async def test_an_event_is_part_of_its_change(database: Database, ours: Tenant) -> None:
    """When the transaction of a change fails, there is no event of it either."""
    user_id = await make_user(database, ours)
    before = await events(database)

    async def make_and_fail() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await create_api_key(session, ours.scope, name="k", user_id=user_id, scopes=[], pepper=PEPPER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await make_and_fail()

    assert await events(database) == before


def test_operators_lack_nothing() -> None:
    """Who runs the installation may do everything; a person or a key only what was given, named in order."""
    assert OPERATOR.lacks(Permission) == []
    assert Actor("system").lacks(Permission) == []
    assert ADA.lacks(["queues:manage", "items:read", "items:claim"]) == ["items:claim", "queues:manage"]
    assert Actor("api_key", "k").lacks(["items:read"]) == ["items:read"]


async def test_no_event_holds_a_secret(database: Database, ours: Tenant) -> None:
    """Whatever is done with API keys, no event holds a raw key or a hash, and every change is told by whom."""
    scope, user_id = ours.scope, await make_user(database, ours)
    async with database.unit_of_work(scope) as session:
        made, first = await create_api_key(
            session, scope, name="k", user_id=user_id, scopes=["items:read"], pepper=PEPPER, actor=ADA
        )
        both = await create_user_with_api_key(
            session, scope, email="b@example.org", name="B", key_name="b", scopes=["items:read"], pepper=PEPPER
        )
        await update_api_key(
            session, scope, api_key_id=made.id, name="n", expires_at=datetime.now(UTC) + timedelta(days=9), actor=ADA
        )
        new, second = await rotate_api_key(session, scope, api_key_id=made.id, pepper=PEPPER, actor=ADA)
        hashes = list((await session.execute(text("select key_hash from api_keys"))).scalars())
        await revoke_api_key(session, scope, api_key_id=new.id, actor=ADA)
        await delete_api_key(session, scope, api_key_id=made.id, actor=ADA)

    async with database.unit_of_work(FLEET) as session:
        told = str((await session.execute(text("select to_jsonb(e) from audit_events e"))).scalars().all())
    assert len(hashes) == 3
    for secret in (*hashes, first, second, both.raw, "key_hash"):
        assert secret not in told
    assert not any(is_well_formed(word) for word in re.findall(r"\w+", told))
    of_keys = [(event.action, event.actor_id) for event in await events(database) if event.subject_kind == "api_key"]
    assert sorted(of_keys, key=str) == [
        ("api_key.created", "ada"),
        ("api_key.created", "ada"),
        ("api_key.created", None),
        ("api_key.deleted", "ada"),
        ("api_key.revoked", "ada"),
        ("api_key.rotated", "ada"),
        ("api_key.updated", "ada"),
    ]


async def test_a_rotation_is_told_of_both_keys(database: Database, ours: Tenant) -> None:
    """The old key's trail says what it was replaced by and when it ends, the new one's what it replaced."""
    scope, user_id = ours.scope, await make_user(database, ours)
    async with database.unit_of_work(scope) as session:
        old, _raw = await create_api_key(session, scope, name="k", user_id=user_id, scopes=[], pepper=PEPPER)
    async with database.unit_of_work(scope) as session:
        new, _raw = await rotate_api_key(session, scope, api_key_id=old.id, pepper=PEPPER, actor=OPERATOR)

    told = {(event.action, event.subject_id): event for event in await events(database)}
    rotated, created = told["api_key.rotated", old.id], told["api_key.created", new.id]
    assert rotated.before == {"expires_at": None}
    assert rotated.after is not None
    assert rotated.after.keys() == {"expires_at", "rotated_to"}
    assert rotated.after["rotated_to"] == new.id
    assert created.after is not None
    assert created.after["rotated_from"] == old.id


@pytest.mark.parametrize(
    "change",
    ["update audit_events set action = 'nothing'", "delete from audit_events", "truncate audit_events"],
)
async def test_the_application_can_only_add(database: Database, ours: Tenant, *, change: str) -> None:
    """The application's role can neither change nor remove an event, not even one of its own organization."""
    await record_queue(database, ours, before=None, after={})
    before = await events(database)

    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.unit_of_work(ours.scope) as session:
            await session.execute(text(change))

    assert await events(database) == before
    assert len(before) == 1
