from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.api_keys import is_well_formed, new_key
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import KEY_SCOPES, SYSTEM_ROLES
from fairlead.errors import Forbidden, NotFound, Unauthenticated, ValidationFailed
from fairlead.rows import ApiKey
from fairlead.services.access import Principal
from fairlead.services.api_keys import authenticate, create_api_key
from fairlead.services.users import create_user

pytestmark = pytest.mark.anyio
PEPPER = b"a pepper for tests, at least this long"
YEAR = timedelta(days=365)


async def make_user(database: Database, tenant: Tenant, role: str = "owner") -> str:
    """Make a member in a role and return their id."""
    async with database.unit_of_work(tenant.scope) as session:
        made = await create_user(session, tenant.scope, email=f"{new_id()}@example.org", name="A", role=role)
    return made.id


async def make_key(
    database: Database, tenant: Tenant, user_id: str, scopes: Collection[str] = ("items:read",), **options: Any
) -> tuple[ApiKey, str]:
    """Make a key in a transaction of its own."""
    async with database.unit_of_work(tenant.scope) as session:
        return await create_api_key(
            session,
            tenant.scope,
            **{"name": "k", "user_id": user_id, "scopes": scopes, "pepper": PEPPER, **options},
        )


async def knock(database: Database, raw: str, pepper: bytes = PEPPER) -> Principal:
    """Authenticate in a transaction of its own."""
    async with database.unit_of_work(FLEET) as session:
        return await authenticate(session, FLEET, raw=raw, pepper=pepper)


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
        ours.organization_id, made.id, user_id, frozenset({"items:claim", "items:read"}), frozenset({ours.queue_id})
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
    ("field", "options"),
    [
        ("scopes", {"scopes": ["keys:manage"]}),
        ("scopes", {"scopes": ["items:read", "items:everything"]}),
        ("name", {"name": ""}),
        ("expires_at", {"expires_at": datetime(2030, 1, 1)}),  # noqa: DTZ001 - the naive one is the point
        ("queue_ids", {"queue_ids": ["short"]}),
        ("queue_ids", {"queue_ids": [new_id()]}),
    ],
)
async def test_impossible_keys_are_refused(
    database: Database, ours: Tenant, *, field: str, options: dict[str, Any]
) -> None:
    """A scope that no key can have, a queue that is not here and the like are refused by name."""
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


async def test_time_ends_a_key(database: Database, ours: Tenant) -> None:
    """A key works until its expiry, by the database's clock."""
    user_id = await make_user(database, ours)
    _made, lasting = await make_key(database, ours, user_id, expires_at=datetime.now(UTC) + YEAR)
    _made, ended = await make_key(database, ours, user_id, expires_at=datetime.now(UTC) - YEAR)

    assert (await knock(database, lasting)).organization_id == ours.organization_id
    with pytest.raises(Unauthenticated):
        await knock(database, ended)


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
