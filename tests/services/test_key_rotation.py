from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.keys import end_in, knock, make_key, make_user, opens
from tests.fixtures.organizations import Tenant
from tests.services.test_api_keys import HOUR, ITSELF, YEAR, clock, person, read, revoke, rotate, update

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope
from fairlead.errors import Conflict, Forbidden, ValidationFailed
from fairlead.rows import ApiKey
from fairlead.services.api_keys import (
    GRACE,
)
from fairlead.services.audit import Actor
from fairlead.services.members import remove_member, set_roles

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
Verb = Callable[[Session, TenantScope, str, Actor], Awaitable[object]]


async def test_rotation_replaces_a_key(database: Database, ours: Tenant) -> None:
    """The new key is like the old one and remembers it; both open until the grace is over, then only the new one."""
    user_id = await make_user(database, ours)
    old, old_raw = await make_key(
        database, ours, user_id, ["items:read", "items:claim"], name="ci", kind="test", queue_ids=[ours.queue_id]
    )
    began = await clock(database)

    new, raw = await rotate(database, ours, old.id)

    assert raw.startswith("flk_test_")
    assert raw.startswith(new.key_prefix)
    assert (new.name, new.user_id, new.scopes, new.queue_ids, new.rotated_from, new.expires_at) == (
        *(old.name, old.user_id, old.scopes, old.queue_ids),
        *(old.id, None),
    )
    ends = (await read(database, ours, old.id)).expires_at
    assert ends is not None
    assert began + GRACE <= ends <= await clock(database) + GRACE
    assert (await knock(database, old_raw)).permissions == (await knock(database, raw)).permissions
    await end_in(database, old.id, time=timedelta())
    assert (await opens(database, old_raw), await opens(database, raw)) == (False, True)


@pytest.mark.parametrize(("own_end", "grace"), [(HOUR, GRACE), (YEAR, timedelta()), (YEAR, 7 * DAY)])
async def test_grace_never_prolongs_a_key(
    database: Database, ours: Tenant, *, own_end: timedelta, grace: timedelta
) -> None:
    """The old key ends at its own end or when the grace is over, whichever comes first; without grace at once."""
    began = await clock(database)
    old, old_raw = await make_key(database, ours, await make_user(database, ours), expires_at=began + own_end)

    await rotate(database, ours, old.id, grace=grace)

    ends = (await read(database, ours, old.id)).expires_at
    assert ends is not None
    if own_end < grace:
        assert ends == old.expires_at
    else:
        assert began + grace <= ends <= await clock(database) + grace
    assert await opens(database, old_raw) is (grace > timedelta())


async def test_new_key_lasts_as_long_as_the_old_was_given(database: Database, ours: Tenant) -> None:
    """A key for a year becomes one for a year from now; an end that is given is taken, and none is none."""
    user_id, began = await make_user(database, ours), await clock(database)
    ids = [(await make_key(database, ours, user_id, expires_at=began + YEAR))[0].id for _ in range(3)]
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update api_keys set created_at = created_at - interval '100 days'"))

    same, _raw = await rotate(database, ours, ids[0])
    given, _raw = await rotate(database, ours, ids[1], expires_at=began + DAY)
    none, _raw = await rotate(database, ours, ids[2], expires_at=None)

    assert same.expires_at is not None
    assert timedelta() <= same.expires_at - (began + YEAR + 100 * DAY) < HOUR
    assert (given.expires_at, none.expires_at) == (began + DAY, None)


async def test_longest_lives_can_be_rotated(database: Database, ours: Tenant) -> None:
    """The last possible end of a key is not beyond what a calendar holds when its life is given again."""
    user_id = await make_user(database, ours)
    old, _raw = await make_key(database, ours, user_id, expires_at=datetime(9998, 1, 1, tzinfo=UTC))

    new, _raw = await rotate(database, ours, old.id)

    assert new.expires_at == old.expires_at


@pytest.mark.parametrize("grace", [timedelta(microseconds=-1), 7 * DAY + timedelta(microseconds=1), None, 3600])
async def test_grace_has_limits(database: Database, ours: Tenant, *, grace: Any) -> None:
    """A grace below nothing or beyond seven days is refused by name, with every other field that is wrong."""
    old, _raw = await make_key(database, ours, await make_user(database, ours))

    with pytest.raises(ValidationFailed) as refused:
        await rotate(database, ours, old.id, grace=grace, expires_at=await clock(database))

    assert refused.value.details.keys() == {"grace", "expires_at"}


async def test_lost_scopes_do_not_come_back(database: Database, ours: Tenant) -> None:
    """What the member has lost is not in the new key, so that it is not there when the member gets it back."""
    await make_user(database, ours)
    user_id = await make_user(database, ours, "admin")
    old, _raw = await make_key(database, ours, user_id, ["queues:manage", "items:read"])

    async with database.unit_of_work(ours.scope) as session:
        await set_roles(session, ours.scope, user_id=user_id, role_ids=["member"])
    new, raw = await rotate(database, ours, old.id, actor=person("items:read"))
    async with database.unit_of_work(ours.scope) as session:
        await set_roles(session, ours.scope, user_id=user_id, role_ids=["admin"])

    assert new.scopes == ["items:read"]
    assert (await knock(database, raw)).permissions == {"items:read"}


async def test_nobody_rotates_a_key_into_their_hands(database: Database, ours: Tenant) -> None:
    """Whoever rotates a key gets to know the new one, so it must not do more than they may; a key rotates no keys."""
    old, _raw = await make_key(database, ours, await make_user(database, ours), ["organization:manage"])

    for actor in (person("items:read", "keys:manage"), ITSELF):
        with pytest.raises(Forbidden):
            await rotate(database, ours, old.id, actor=actor)
    await rotate(database, ours, old.id, actor=person("organization:manage"))


async def _revoked(database: Database, tenant: Tenant, key: ApiKey) -> None:
    await revoke(database, tenant, key.id)


async def _expired(database: Database, _tenant: Tenant, key: ApiKey) -> None:
    await end_in(database, key.id, time=timedelta())


async def _rotated(database: Database, tenant: Tenant, key: ApiKey) -> None:
    await rotate(database, tenant, key.id)


@pytest.mark.parametrize("end", [_revoked, _expired, _rotated])
async def test_what_has_ended_stays_as_it_is(
    database: Database, ours: Tenant, *, end: Callable[[Database, Tenant, ApiKey], Awaitable[None]]
) -> None:
    """A key that was revoked, has expired or was rotated is neither rotated nor changed, so nothing brings it back."""
    key, _raw = await make_key(database, ours, await make_user(database, ours))
    await end(database, ours, key)
    before = await read(database, ours, key.id)

    with pytest.raises(Conflict):
        await rotate(database, ours, key.id)
    with pytest.raises(Conflict):
        await update(database, ours, key.id, expires_at=None)

    assert await read(database, ours, key.id) == before


async def test_key_of_somebody_who_left_is_not_rotated(database: Database, ours: Tenant) -> None:
    """Who is no member any more gets no new key in place of the one that stopped."""
    await make_user(database, ours)
    user_id = await make_user(database, ours)
    old, raw = await make_key(database, ours, user_id)
    async with database.unit_of_work(ours.scope) as session:
        await remove_member(session, ours.scope, user_id=user_id)

    with pytest.raises(Conflict):
        await rotate(database, ours, old.id)
    assert not await opens(database, raw)
