from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.keys import PEPPER, end_in, knock, make_key, make_user, opens
from tests.fixtures.organizations import Tenant

from fairlead.db.rows import read_clock
from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.api_keys import is_well_formed, new_key
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import KEY_SCOPES, SYSTEM_ROLES
from fairlead.errors import Conflict, FairleadError, Forbidden, NotFound, Unauthenticated, ValidationFailed
from fairlead.queries.api_keys import get_api_key
from fairlead.queries.page import Window
from fairlead.queries.users import get_user_page
from fairlead.rows import ApiKey
from fairlead.services.access import Principal
from fairlead.services.api_keys import (
    UserWithKey,
    authenticate,
    create_user_with_api_key,
    delete_api_key,
    revoke_api_key,
    rotate_api_key,
    update_api_key,
)
from fairlead.services.audit import Actor
from fairlead.services.members import remove_member, set_roles
from fairlead.services.roles import create_role
from fairlead.services.users import create_user

pytestmark = pytest.mark.anyio
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
ITSELF = Actor("api_key", new_id(), permissions=frozenset(KEY_SCOPES))
Verb = Callable[[Session, TenantScope, str, Actor], Awaitable[object]]


def person(*permissions: str) -> Actor:
    """Somebody who may do only that."""
    return Actor("user", new_id(), permissions=frozenset(permissions))


async def rotate(database: Database, tenant: Tenant, api_key_id: str, **options: Any) -> tuple[ApiKey, str]:
    """Rotate a key in a transaction of its own."""
    async with database.unit_of_work(tenant.scope) as session:
        return await rotate_api_key(session, tenant.scope, api_key_id=api_key_id, pepper=PEPPER, **options)


async def update(database: Database, tenant: Tenant, api_key_id: str, **changes: Any) -> ApiKey:
    """Change a key in a transaction of its own."""
    async with database.unit_of_work(tenant.scope) as session:
        return await update_api_key(session, tenant.scope, api_key_id=api_key_id, **changes)


async def revoke(database: Database, tenant: Tenant, api_key_id: str) -> ApiKey:
    """Revoke a key in a transaction of its own."""
    async with database.unit_of_work(tenant.scope) as session:
        return await revoke_api_key(session, tenant.scope, api_key_id=api_key_id)


async def read(database: Database, tenant: Tenant, api_key_id: str) -> ApiKey:
    """Return a key as it is."""
    async with database.unit_of_work(tenant.scope) as session:
        return await get_api_key(session, tenant.scope, api_key_id=api_key_id)


async def clock(database: Database) -> datetime:
    """Return the database's time."""
    async with database.unit_of_work(FLEET) as session:
        return await read_clock(session)


async def test_key_is_whom_it_says(database: Database, ours: Tenant) -> None:
    """The raw key, returned once, stands for its organization, its scopes and its queues."""
    user_id = await make_user(database, ours)

    made, raw = await make_key(
        database, ours, user_id, scopes=["items:claim", "items:read"], kind="test", queue_ids=[ours.queue_id]
    )

    assert is_well_formed(raw)
    assert raw.startswith(made.key_prefix)
    assert raw.startswith("flk_test_")
    assert await knock(database, raw) == Principal(
        ours.organization_id,
        user_id,
        frozenset({"items:claim", "items:read"}),
        api_key_id=made.id,
        queue_ids=frozenset({ours.queue_id}),
    )


async def test_secret_is_kept_nowhere(database: Database, ours: Tenant) -> None:
    """Neither the rows of keys nor the audit trail hold the raw key or its hash's equal."""
    made, raw = await make_key(database, ours, await make_user(database, ours))

    async with database.unit_of_work(FLEET) as session:
        rows = (await session.execute(text("select to_jsonb(k) from api_keys k"))).scalars().all()
        events = (await session.execute(text("select to_jsonb(e) from audit_events e"))).scalars().all()
    assert raw not in str(rows) + str(events)
    assert rows[0]["key_hash"] not in str(events)
    assert "api_key.created" in [event["action"] for event in events]
    assert raw not in repr(made)


@pytest.mark.parametrize("role", SYSTEM_ROLES)
async def test_key_holds_no_more_than_its_maker(database: Database, ours: Tenant, *, role: str) -> None:
    """Every scope that the maker's role lacks is Forbidden by name; every one that it has can be given."""
    user_id = await make_user(database, ours, role)
    for scope in KEY_SCOPES:
        if scope in SYSTEM_ROLES[role]:
            made, _raw = await make_key(database, ours, user_id, scopes=[scope])
            assert made.scopes == [scope.value]
        else:
            with pytest.raises(Forbidden, match=scope.value):
                await make_key(database, ours, user_id, scopes=[scope])


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        ("items:everything", "items:everything: there is no such scope"),
        ("keys:manage", "keys:manage: no API key can have that"),
    ],
)
async def test_why_a_scope_is_refused(database: Database, ours: Tenant, *, scope: str, sentence: str) -> None:
    """A scope that does not exist is told from one that is kept from keys."""
    user_id = await make_user(database, ours, "owner")
    with pytest.raises(ValidationFailed) as refused:
        await make_key(database, ours, user_id, scopes=["items:read", scope])
    assert refused.value.details == {"scopes": sentence}


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("scopes", {"scopes": ["keys:manage"]}),
        ("scopes", {"scopes": ["items:read", "items:everything"]}),
        ("name", {"name": ""}),
        ("expires_at", {"expires_at": datetime(2030, 1, 1)}),  # noqa: DTZ001 - the naive one is the point
        ("expires_at", {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}),
        ("expires_at", {"expires_at": datetime.max.replace(tzinfo=UTC)}),
        ("expires_at", {"expires_at": "tomorrow"}),
        ("scopes", {"scopes": "items:read"}),
        ("scopes", {"scopes": [1]}),
        ("kind", {"kind": "dead"}),
        ("queue_ids", {"queue_ids": ["short"]}),
        ("queue_ids", {"queue_ids": [None]}),
        ("queue_ids", {"queue_ids": [new_id()]}),
    ],
)
async def test_impossible_keys_are_refused(
    database: Database, ours: Tenant, *, field: str, options: dict[str, Any]
) -> None:
    """A scope that no key can have, a queue that is not here, an end that is past and the like are refused by name."""
    user_id = await make_user(database, ours)

    with pytest.raises(ValidationFailed) as refused:
        await make_key(database, ours, user_id, **options)

    assert refused.value.details.keys() == {field}


async def test_key_reaches_no_other_organization(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A key cannot be made for somebody else's member, nor for somebody else's queue."""
    user_id, stranger = await make_user(database, ours), await make_user(database, theirs)

    with pytest.raises(NotFound):
        await make_key(database, ours, stranger)
    with pytest.raises(ValidationFailed):
        await make_key(database, ours, user_id, queue_ids=[theirs.queue_id])


async def test_only_members_have_keys(database: Database, ours: Tenant) -> None:
    """No key is made for a user without an organization, for somebody who left, or for what is no user at all."""
    await make_user(database, ours)
    left = await make_user(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await remove_member(session, ours.scope, user_id=left)
    async with database.unit_of_work(FLEET) as session:
        homeless = await create_user(session, FLEET, email="a@example.org", name="A")

    for user_id in (left, homeless.id, new_id(), "short", "\x00", "\ud800"):
        with pytest.raises(NotFound):
            await make_key(database, ours, user_id)


async def test_member_who_may_nothing_has_nothing_to_give(database: Database, ours: Tenant) -> None:
    """A member whose role allows nothing is a member all the same: what is Forbidden is the scope, and it is named."""
    await make_user(database, ours)
    user_id = await make_user(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        role = await create_role(session, ours.scope, name="guest", permissions=[])
        await set_roles(session, ours.scope, user_id=user_id, role_ids=[role.id])

    with pytest.raises(Forbidden, match="items:read"):
        await make_key(database, ours, user_id)


async def test_nobody_hands_out_more_than_they_may(database: Database, ours: Tenant) -> None:
    """A scope that the actor lacks is Forbidden by name, whatever the key's member may do; and a key makes no keys."""
    user_id = await make_user(database, ours)

    with pytest.raises(Forbidden, match="queues:manage"):
        await make_key(database, ours, user_id, ["queues:manage"], actor=person("items:read"))
    made, _raw = await make_key(database, ours, user_id, ["items:read"], actor=person("items:read"))
    assert made.scopes == ["items:read"]
    with pytest.raises(Forbidden):
        await make_key(database, ours, user_id, ["items:read"], actor=ITSELF)


async def test_time_ends_a_key(database: Database, ours: Tenant) -> None:
    """A key works until its end, by the database's clock, and not a moment longer."""
    made, raw = await make_key(database, ours, await make_user(database, ours), expires_at=datetime.now(UTC) + YEAR)
    assert await opens(database, raw)

    await end_in(database, made.id, time=HOUR)
    assert await opens(database, raw)
    await end_in(database, made.id, time=timedelta())
    with pytest.raises(Unauthenticated):
        await knock(database, raw)


async def test_pepper_matters(database: Database, ours: Tenant) -> None:
    """The same key under another pepper is unknown, so a stolen table of hashes opens nothing."""
    _made, raw = await make_key(database, ours, await make_user(database, ours))

    with pytest.raises(Unauthenticated):
        await knock(database, raw, b"another pepper that is long enough!!")


async def test_junk_is_refused_before_any_query(database: Database) -> None:
    """What is not well formed is refused without asking the database; what is, is asked for."""

    class Untouched:
        """A session that must not be used."""

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    for junk in ("", "x", new_key()[:-1] + "!", "é" * 47):
        with pytest.raises(Unauthenticated):
            await authenticate(Untouched(), FLEET, raw=junk, pepper=PEPPER)  # type: ignore[arg-type]  # never used
    with pytest.raises(Unauthenticated):
        await knock(database, new_key())


async def make_both(database: Database, scope: Any, **options: Any) -> UserWithKey:
    """Make a user with a key in a transaction of its own."""
    given = {"email": "ada@example.org", "name": "Ada", "key_name": "ci", "scopes": ["items:read"], "pepper": PEPPER}
    async with database.unit_of_work(scope) as session:
        return await create_user_with_api_key(session, scope, **{**given, **options})


async def test_user_comes_with_a_key(database: Database, ours: Tenant) -> None:
    """A user and a key that acts for them are made in one call, and the key opens."""
    user, made, raw = await make_both(database, ours.scope, role="viewer", queue_ids=[ours.queue_id])

    assert (made.user_id, made.name, user.organization_id) == (user.id, "ci", ours.organization_id)
    assert await knock(database, raw) == Principal(
        ours.organization_id,
        user.id,
        frozenset({"items:read"}),
        api_key_id=made.id,
        queue_ids=frozenset({ours.queue_id}),
    )


_STATE = text("""
select (select count(*) from users), (select count(*) from user_roles), (select count(*) from api_keys),
    (select count(*) from audit_events)
""")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"email": "nobody"}, ValidationFailed),
        ({"email": "taken@example.org"}, Conflict),
        ({"role": "king"}, ValidationFailed),
        ({"actor": person("items:read")}, Forbidden),
        ({"key_name": ""}, ValidationFailed),
        ({"scopes": ["members:manage"]}, Forbidden),
        ({"queue_ids": [new_id()]}, ValidationFailed),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, ValidationFailed),
        ({"actor": ITSELF}, Forbidden),
    ],
)
async def test_user_and_key_are_all_or_nothing(
    database: Database, ours: Tenant, *, options: dict[str, Any], error: type[FairleadError]
) -> None:
    """Whichever step fails, nothing of the others is left, even where the caller goes on in the same transaction."""
    given = {"email": "ada@example.org", "name": "Ada", "key_name": "ci", "scopes": ["items:read"], "pepper": PEPPER}
    async with database.unit_of_work(ours.scope) as session:
        await create_user(session, ours.scope, email="taken@example.org", name="T")
    async with database.unit_of_work(ours.scope) as session:
        before = (await session.execute(_STATE)).one()
        with pytest.raises(error):
            await create_user_with_api_key(session, ours.scope, **{**given, **options})
    async with database.unit_of_work(ours.scope) as session:
        assert (await session.execute(_STATE)).one() == before


async def test_key_needs_an_organization(database: Database) -> None:
    """Outside an organization nobody gets a key, and no user is made on the way to finding out."""
    with pytest.raises(ValidationFailed) as refused:
        await make_both(database, FLEET)

    assert refused.value.details.keys() == {"organization"}
    async with database.unit_of_work(FLEET) as session:
        assert (await get_user_page(session, FLEET, window=Window())).total == 0


async def test_revocation_is_at_once_and_for_good(database: Database, ours: Tenant) -> None:
    """A revoked key opens nothing from that moment; revoking it again changes nothing and is written down once."""
    key, raw = await make_key(database, ours, await make_user(database, ours))

    first = await revoke(database, ours, key.id)
    assert not await opens(database, raw)
    second = await revoke(database, ours, key.id)

    assert first.revoked_at is not None
    assert first == second
    async with database.unit_of_work(FLEET) as session:
        events = await session.execute(text("select after from audit_events where action = 'api_key.revoked'"))
        assert len(events.all()) == 1


async def test_revoking_one_of_two_leaves_the_other(database: Database, ours: Tenant) -> None:
    """In the grace of a rotation either key can be revoked by itself."""
    user_id = await make_user(database, ours)
    for which in (0, 1):
        old, old_raw = await make_key(database, ours, user_id)
        new, new_raw = await rotate(database, ours, old.id)
        await revoke(database, ours, (old.id, new.id)[which])
        assert [await opens(database, old_raw), await opens(database, new_raw)] == [which == 1, which == 0]


async def test_deleted_key_is_gone(database: Database, ours: Tenant) -> None:
    """A deleted key opens nothing and cannot be found; the key that replaced it goes on."""
    old, old_raw = await make_key(database, ours, await make_user(database, ours))
    new, new_raw = await rotate(database, ours, old.id)

    async with database.unit_of_work(ours.scope) as session:
        await delete_api_key(session, ours.scope, api_key_id=old.id)

    assert [await opens(database, old_raw), await opens(database, new_raw)] == [False, True]
    assert (await read(database, ours, new.id)).rotated_from is None
    with pytest.raises(NotFound):
        await read(database, ours, old.id)


async def test_only_what_is_given_changes(database: Database, ours: Tenant) -> None:
    """Each field can be changed by itself, the others stay, and the key itself goes on with what it may now do."""
    key, raw = await make_key(database, ours, await make_user(database, ours))
    later = await clock(database) + YEAR
    expected = key
    changes: dict[str, Any] = {
        "name": "renamed",
        "scopes": ["items:claim", "items:enqueue"],
        "queue_ids": [ours.queue_id],
        "expires_at": later,
    }
    for field, value in changes.items():
        changed = await update(database, ours, key.id, **{field: value})
        assert getattr(changed, field) == value
        assert {name for name in type(key).__slots__ if getattr(changed, name) != getattr(expected, name)} == {field}
        expected = changed

    assert await update(database, ours, key.id) == expected
    assert (await knock(database, raw)).permissions == {"items:claim", "items:enqueue"}
    widened = await update(database, ours, key.id, queue_ids=None, expires_at=None)
    assert (widened.queue_ids, widened.expires_at) == (None, None)


async def test_changes_follow_the_rules_of_making(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """What a new key could not have, and a field that is nobody's to change, is refused by name."""
    key, _raw = await make_key(database, ours, await make_user(database, ours, "member"))
    wrong: dict[str, Any] = {
        "name": "",
        "scopes": ["keys:manage"],
        "queue_ids": [theirs.queue_id],
        "expires_at": await clock(database),
        "kind": "test",
        "key_hash": "x",
        "user_id": new_id(),
    }

    with pytest.raises(ValidationFailed) as refused:
        await update(database, ours, key.id, **wrong)
    assert refused.value.details.keys() == wrong.keys()
    with pytest.raises(Forbidden, match="queues:manage"):
        await update(database, ours, key.id, scopes=["items:read", "queues:manage"])
    assert await read(database, ours, key.id) == key


async def test_nobody_changes_a_key_that_may_do_more(database: Database, ours: Tenant) -> None:
    """A key that may do more than the actor is not theirs to change, nor to widen; and no key changes keys."""
    key, _raw = await make_key(database, ours, await make_user(database, ours), ["items:read"])

    for actor, changes in (
        (person("items:claim"), {"name": "mine"}),
        (person("items:claim"), {"scopes": ["items:claim"]}),
        (person("items:read"), {"scopes": ["items:claim"]}),
        (ITSELF, {"name": "mine"}),
    ):
        with pytest.raises(Forbidden):
            await update(database, ours, key.id, actor=actor, **changes)
    assert (await update(database, ours, key.id, actor=person("items:read"), name="yours")).name == "yours"


async def _rotates(session: Session, scope: TenantScope, api_key_id: str, actor: Actor) -> object:
    return await rotate_api_key(session, scope, api_key_id=api_key_id, pepper=PEPPER, actor=actor)


async def _updates(session: Session, scope: TenantScope, api_key_id: str, actor: Actor) -> object:
    return await update_api_key(session, scope, api_key_id=api_key_id, actor=actor, name="x")


async def _revokes(session: Session, scope: TenantScope, api_key_id: str, actor: Actor) -> object:
    return await revoke_api_key(session, scope, api_key_id=api_key_id, actor=actor)


async def _deletes(session: Session, scope: TenantScope, api_key_id: str, actor: Actor) -> None:
    await delete_api_key(session, scope, api_key_id=api_key_id, actor=actor)


@pytest.mark.parametrize("verb", [_rotates, _updates, _revokes, _deletes])
async def test_other_keys_do_not_exist(database: Database, ours: Tenant, theirs: Tenant, *, verb: Verb) -> None:
    """Another organization's key, an unknown one and what is no id at all are NotFound alike, and nothing happens."""
    key, raw = await make_key(database, theirs, await make_user(database, theirs))

    for api_key_id in (key.id, new_id(), "short", "\x00"):
        with pytest.raises(NotFound):
            async with database.unit_of_work(ours.scope) as session:
                await verb(session, ours.scope, api_key_id, person("items:read"))

    assert await read(database, theirs, key.id) == key
    assert await opens(database, raw)
