from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
import pytest
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import call, tell

from fairlead.db.retry import transact
from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope
from fairlead.errors import Conflict
from fairlead.rows import User
from fairlead.services.users import UserInput, create_user, soft_delete_user, upsert_user, upsert_users

pytestmark = pytest.mark.anyio

ADA = "ada@example.org"
UPSERTS, BULKS, ADDRESSES, BULK = 50, 10, 120, 80
TRAIL = "select action, before ->> 'name' as old, after ->> 'name' as new from audit_events where subject_kind = 'user'"


async def test_fifty_upserts_of_one_address(database: Database, ours: Tenant) -> None:
    """Fifty upserts of one address at once are one user, made once and then changed by each in turn: none is lost."""
    answers: list[User] = []

    async def upsert(number: int) -> None:
        answers.append(await call(database, ours.scope, upsert_user, email=ADA, name=f"Ada {number}"))

    async with anyio.create_task_group() as tasks:
        for number in range(UPSERTS):
            tasks.start_soon(upsert, number)

    [row] = await tell(database, "select id, name from users")
    assert {user.id for user in answers} == {row.id}
    assert {user.name for user in answers} == {f"Ada {number}" for number in range(UPSERTS)}
    trail = await tell(database, TRAIL)
    assert Counter(event.action for event in trail) == {"user.created": 1, "user.updated": UPSERTS - 1}
    following = {event.old: event.new for event in trail}
    name: str | None = following.pop(None)
    while name in following:
        name = following.pop(name)
    assert (following, name) == ({}, row.name), "each saw what the one before it left"


@pytest.mark.parametrize("count", [BULK, ADDRESSES])
async def test_bulks_of_the_same_addresses_in_any_order(database: Database, ours: Tenant, count: int) -> None:
    """Ten bulk upserts of overlapping addresses, each in its own order, all end well: no deadlock, one row each."""
    given: list[list[UserInput]] = []
    for number in range(BULKS):
        chosen = random.Random(number).sample(range(ADDRESSES), count)  # noqa: S311 - the same each run
        given.append([{"email": f"u{address}@example.org", "name": f"Bulk {number}"} for address in chosen])
    answers: dict[int, list[User]] = {}

    async def upsert(number: int) -> None:
        answers[number] = await call(database, ours.scope, upsert_users, users=given[number])

    async with anyio.create_task_group() as tasks:
        for number in range(BULKS):
            tasks.start_soon(upsert, number)

    for number, users in answers.items():
        assert [user.email for user in users] == [user["email"] for user in given[number]]
    rows = await tell(database, "select email, count(*) as times from users group by email")
    assert {row.email: row.times for row in rows} == {user["email"]: 1 for users in given for user in users}
    trail = Counter(event.action for event in await tell(database, TRAIL))
    assert trail == {"user.created": len(rows), "user.updated": BULKS * count - len(rows)}


async def _patiently(
    database: Database, scope: TenantScope, function: Callable[..., Awaitable[object]], **given: Any
) -> None:
    async def work(session: Session) -> None:
        await function(session, scope, **given)

    await transact(database, scope, work=work, tries=50)


async def test_bulks_that_meet_single_changes(database: Database, ours: Tenant) -> None:
    """Bulk upserts and everything else that happens to the same users at once end well, with retries."""
    people: list[UserInput] = [{"email": f"u{number}@example.org", "name": "Before"} for number in range(20)]
    made = await call(database, ours.scope, upsert_users, users=people)

    async def create(user: User) -> None:
        with suppress(Conflict):
            await _patiently(database, ours.scope, create_user, email=user.email, name="Another")

    async with anyio.create_task_group() as tasks:
        for number, user in enumerate(made):
            tasks.start_soon(partial(_patiently, database, ours.scope, soft_delete_user, user_id=user.id))
            tasks.start_soon(create, user)
            if number % 4 == 0:
                shuffled = random.Random(number).sample(people, len(people))  # noqa: S311 - the same each run
                tasks.start_soon(partial(_patiently, database, ours.scope, upsert_users, users=shuffled))

    alive = await tell(database, "select email from users where deleted_at is null")
    assert len({row.email for row in alive}) == len(alive)
    assert {row.email for row in alive} <= {user["email"] for user in people}


async def test_two_organizations_and_one_address(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """When two organizations upsert one address at once it becomes one of theirs, and the other has a Conflict."""
    answers: list[tuple[Tenant, object]] = []

    async def upsert(home: Tenant, number: int) -> None:
        try:
            made = await call(database, home.scope, upsert_user, email=ADA, name=f"Ada {number}")
        except Conflict as error:
            answers.append((home, error.details))
        else:
            answers.append((home, made.id))

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            for home in (ours, theirs):
                tasks.start_soon(upsert, home, number)

    [row] = await tell(database, "select id, organization_id from users")
    for home, answer in answers:
        assert answer == (row.id if home.organization_id == row.organization_id else {"email": "is taken"})
    assert len(answers) == 20


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_upserts_under_stricter_isolation(database: Database, ours: Tenant, isolation: Any) -> None:
    """Under a stricter isolation upserts of one address at once are tried again until each has had its turn."""

    async def upsert(number: int) -> None:
        async def work(session: Session) -> None:
            await upsert_user(session, ours.scope, email=ADA, name=f"Ada {number}")

        await transact(database, ours.scope, work=work, isolation=isolation, tries=100)

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(upsert, number)

    trail = await tell(database, TRAIL)
    assert Counter(event.action for event in trail) == {"user.created": 1, "user.updated": 7}
    assert len(await tell(database, "table users")) == 1
