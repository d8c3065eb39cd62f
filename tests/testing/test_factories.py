from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import assert_type

import pytest
from tests.fixtures.people import actions, tell

from fairlead.db.session import Database
from fairlead.db.tenancy import system
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import KEY_SCOPES, SYSTEM_ROLES
from fairlead.domain.retry import Backoff
from fairlead.errors import Conflict, FairleadError, Forbidden, NotFound, ValidationFailed
from fairlead.queries.items import Item
from fairlead.queries.roles import roles_of
from fairlead.rows import ApiKey, Organization, Queue, Role, Schedule, User
from fairlead.services.api_keys import authenticate
from fairlead.testing import (
    SECRET,
    MadeKey,
    Tenant,
    factories,
    make_api_key,
    make_items,
    make_organization,
    make_queue,
    make_role,
    make_schedule,
    make_tenant,
    make_user,
)

pytestmark = pytest.mark.anyio
FLEET = system("tests")


@pytest.fixture
async def home(database: Database) -> Tenant:
    """A tenant to make things in."""
    return await make_tenant(database)


async def scopes_of(database: Database, raw: str, *, secret: str = SECRET) -> frozenset[str]:
    """Return what whoever shows a key may do, at a server with this secret."""
    async with database.unit_of_work(FLEET) as session:
        return (await authenticate(session, FLEET, raw=raw, pepper=secret.encode())).permissions


async def test_schedules(database: Database, home: Tenant) -> None:
    """A schedule runs daily unless told, and can be given any of its rules."""
    plain = assert_type(await make_schedule(database, home.scope, queue_id=home.queue.id), Schedule)
    given = await make_schedule(
        database, home.scope, queue_id=home.queue.id, name="Nightly", cron="0 3 * * *", time_zone="Asia/Tokyo"
    )
    assert (plain.cron, plain.time_zone, plain.organization_id) == ("@daily", "UTC", home.organization.id)
    assert (given.name, given.cron, given.time_zone) == ("Nightly", "0 3 * * *", "Asia/Tokyo")


async def test_tenants_are_complete(database: Database) -> None:
    """A tenant has an owner in the owner's role, a queue, and a key of the owner's that works."""
    made = assert_type(await make_tenant(database), Tenant)
    async with database.unit_of_work(made.scope) as session:
        assert [role.id for role in await roles_of(session, made.scope, user_id=made.owner.id)] == ["owner"]
    assert made.queue.organization_id == made.owner.organization_id == made.organization.id
    assert made.queue.name == "default"
    assert (made.api_key.user_id, made.api_key.key_prefix) == (made.owner.id, made.key[:16])
    assert await scopes_of(database, made.key) == KEY_SCOPES


async def test_tenants_are_as_asked_for(database: Database) -> None:
    """Everything that a tenant has a name for can be given, and the secret of the server that takes the key."""
    made = await make_tenant(
        database,
        name="Initech",
        slug="initech",
        owner_email="bill@initech.example",
        owner_name="Bill",
        queue_name="reports",
        pepper=b"the secret of another server, long enough",
    )
    assert (made.organization.name, made.organization.slug) == ("Initech", "initech")
    assert (made.owner.email, made.owner.name, made.queue.name) == ("bill@initech.example", "Bill", "reports")
    assert await scopes_of(database, made.key, secret="the secret of another server, long enough") == KEY_SCOPES
    with pytest.raises(FairleadError):
        await scopes_of(database, made.key)


async def test_organizations(database: Database) -> None:
    """An organization is empty; its share and its limits can be given beside its names."""
    plain = assert_type(await make_organization(database), Organization)
    given = await make_organization(
        database, name="Acme", slug="acme", weight=7, max_queue_depth=5, max_concurrency=None
    )
    assert plain.weight == 1
    assert (given.name, given.slug, given.weight, given.max_queue_depth) == ("Acme", "acme", 7, 5)
    assert await tell(database, "select id from users") == []
    with pytest.raises(ValidationFailed):
        await make_organization(database, name="")
    with pytest.raises(ValidationFailed):
        await make_organization(database, slug="refused", weight=0)
    assert await tell(database, "select id from organizations where slug = 'refused'") == []


async def test_users(database: Database, home: Tenant) -> None:
    """A user is a member, or has the role given; in a SystemScope a user is at home nowhere."""
    member = assert_type(await make_user(database, home.scope), User)
    viewer = await make_user(
        database, home.scope, email="A@Example.com", name="A", image="https://example.com/a", role="viewer"
    )
    nobodys = await make_user(database, FLEET)
    assert (viewer.email, viewer.name, viewer.image) == ("a@example.com", "A", "https://example.com/a")
    async with database.unit_of_work(home.scope) as session:
        held = [await roles_of(session, home.scope, user_id=user.id) for user in (member, viewer)]
    assert [[role.id for role in roles] for roles in held] == [["member"], ["viewer"]]
    assert (member.organization_id, nobodys.organization_id) == (home.organization.id, None)
    with pytest.raises(Conflict):
        await make_user(database, home.scope, email="a@example.com")


async def test_roles(database: Database, home: Tenant) -> None:
    """A role of the organization's own may do what a viewer may, or what is given."""
    plain = assert_type(await make_role(database, home.scope), Role)
    given = await make_role(database, home.scope, name="Clerk", permissions=["items:read"], description="Looks")
    assert set(plain.permissions) == SYSTEM_ROLES["viewer"]
    assert (given.name, given.permissions, given.description) == ("Clerk", ["items:read"], "Looks")
    with pytest.raises(ValidationFailed):
        await make_role(database, home.scope, permissions=["items:eat"])


async def test_queues(database: Database, home: Tenant) -> None:
    """A queue has the product's rules, or those given."""
    plain = assert_type(await make_queue(database, home.scope), Queue)
    given = await make_queue(
        database,
        home.scope,
        name="emails",
        created_by=home.owner.id,
        max_attempts=2,
        backoff=Backoff(base_seconds=0),
    )
    assert (plain.organization_id, plain.max_attempts) == (home.organization.id, home.queue.max_attempts)
    assert (given.name, given.created_by, given.max_attempts) == ("emails", home.owner.id, 2)
    assert given.backoff_base_seconds == 0
    with pytest.raises(ValidationFailed):
        await make_queue(database, home.scope, max_attempts=0)


async def test_items(database: Database, home: Tenant) -> None:
    """Items come back in the order in which they will be worked: numbered ones, or those with the payloads given."""
    [one] = assert_type(await make_items(database, home.scope, queue_id=home.queue.id), list[Item])
    numbered = await make_items(
        database, home.scope, queue_id=home.queue.id, count=3, priority=2, max_attempts=4, task="count", tags=["a"]
    )
    given = await make_items(database, home.scope, queue_id=home.queue.id, payloads=[{"to": "b"}, {"to": "a"}])
    assert [item.payload for item in (one, *numbered, *given)] == [
        {"number": 0},
        *({"number": number} for number in range(3)),
        {"to": "b"},
        {"to": "a"},
    ]
    assert {(item.priority, item.max_attempts, item.task, *item.tags) for item in numbered} == {(2, 4, "count", "a")}
    with pytest.raises(ValidationFailed):
        await make_items(database, home.scope, queue_id=home.queue.id, count=0)
    with pytest.raises(NotFound):
        await make_items(database, home.scope, queue_id=new_id())


async def test_api_keys(database: Database, home: Tenant) -> None:
    """A key may do what its user may, as far as a key can, or less; it is a test key unless asked otherwise."""
    user = await make_user(database, home.scope, role="viewer")
    plain = assert_type(await make_api_key(database, home.scope, user_id=user.id), MadeKey)
    assert_type(plain.api_key, ApiKey)
    end = datetime.now(UTC) + timedelta(days=1)
    given = await make_api_key(
        database,
        home.scope,
        user_id=user.id,
        name="backend",
        scopes=["items:read"],
        kind="live",
        expires_at=end,
        queue_ids=[home.queue.id],
    )
    assert await scopes_of(database, plain.raw) == SYSTEM_ROLES["viewer"]
    assert await scopes_of(database, given.raw) == {"items:read"}
    assert (plain.raw[:9], given.raw[:9]) == ("flk_test_", "flk_live_")
    assert (given.api_key.name, given.api_key.expires_at, given.api_key.queue_ids) == ("backend", end, [home.queue.id])
    with pytest.raises(Forbidden):
        await make_api_key(database, home.scope, user_id=user.id, scopes=["queues:manage"])
    with pytest.raises(NotFound):
        await make_api_key(database, home.scope, user_id=new_id())


async def test_what_is_made_is_audited(database: Database) -> None:
    """The services make it, so the trail is as it would be in production."""
    await make_tenant(database)
    made = ["api_key.created", "member.role_granted", "organization.created", "queue.created", "user.created"]
    assert await actions(database) == made


async def test_many_of_each_get_along(database: Database, home: Tenant) -> None:
    """No default is ever taken, however many are made."""
    for _ in range(20):
        await make_organization(database)
        await make_user(database, home.scope)
        await make_role(database, home.scope)
        await make_queue(database, home.scope)
        await make_api_key(database, home.scope, user_id=home.owner.id)


def test_processes_never_make_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that share a database, one forked from the other too, do not get in each other's way."""
    code = "from fairlead.testing.factories import _unique; print(_unique('user'))"
    said = [subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout for _ in range(2)]
    assert said[0] != said[1]
    assert [line.split(b"-")[:2] for line in said] == [[b"user", b"1"]] * 2

    parent = factories._unique("user").rpartition("-")[2]
    assert factories._unique("user").rpartition("-")[2] == parent
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert factories._unique("user").rpartition("-")[2] != parent
