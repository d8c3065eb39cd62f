from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.keys import end_in, make_key, make_user
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.db.tenancy import Scope
from fairlead.domain.ids import new_id
from fairlead.errors import NotFound
from fairlead.queries.api_keys import KeyState, get_api_key, get_api_key_page, get_api_key_slice
from fairlead.queries.page import After, Window
from fairlead.rows import ApiKey
from fairlead.services.api_keys import revoke_api_key

pytestmark = pytest.mark.anyio
YEAR = timedelta(days=365)


async def listed(database: Database, scope: Scope, **filters: Any) -> set[str]:
    """Return the ids of the keys that a page and a slice with these filters show, which must be the same."""
    async with database.unit_of_work(scope) as session:
        page = await get_api_key_page(session, scope, window=Window(limit=100), **filters)
        part = await get_api_key_slice(session, scope, after=After(limit=100), **filters)
    assert page.data == part.data
    assert page.total == len(page.data)
    return {key.id for key in page.data}


async def revoked(database: Database, tenant: Tenant, key: ApiKey) -> None:
    """Revoke a key."""
    async with database.unit_of_work(tenant.scope) as session:
        await revoke_api_key(session, tenant.scope, api_key_id=key.id)


async def test_one_key_is_found_where_it_belongs(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A key is read in its organization and in a SystemScope; elsewhere, or unknown, it is NotFound."""
    made, raw = await make_key(database, ours, await make_user(database, ours), queue_ids=[ours.queue_id])

    for scope in (ours.scope, FLEET):
        async with database.unit_of_work(scope) as session:
            found = await get_api_key(session, scope, api_key_id=made.id)
        assert found == made
        assert raw not in repr(found)
        assert not hasattr(found, "key_hash")
    async with database.unit_of_work(theirs.scope) as session:
        for api_key_id in (made.id, new_id(), "short", "\x00"):
            with pytest.raises(NotFound):
                await get_api_key(session, theirs.scope, api_key_id=api_key_id)


async def test_lists_hold_the_organizations_own(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A list shows and counts the keys of the scope's organization, a SystemScope's those of all."""
    mine, _raw = await make_key(database, ours, await make_user(database, ours))
    other, _raw = await make_key(database, theirs, await make_user(database, theirs))

    assert await listed(database, ours.scope) == {mine.id}
    assert await listed(database, theirs.scope) == {other.id}
    assert await listed(database, FLEET) == {mine.id, other.id}
    assert await listed(database, ours.scope, user_id=other.user_id) == set()


async def test_lists_are_filtered(database: Database, ours: Tenant) -> None:
    """By the member they act for, and by text anywhere in the name or the visible prefix, taken literally."""
    ada, bob = await make_user(database, ours), await make_user(database, ours)
    first, _raw = await make_key(database, ours, ada, name="Deploy 100%")
    second, _raw = await make_key(database, ours, bob, name="deploy_2", kind="test")

    assert await listed(database, ours.scope, user_id=ada) == {first.id}
    assert await listed(database, ours.scope, user_id=bob) == {second.id}
    assert await listed(database, ours.scope, search="DEPLOY") == {first.id, second.id}
    assert await listed(database, ours.scope, search="0%") == {first.id}
    assert await listed(database, ours.scope, search="y_2") == {second.id}
    assert await listed(database, ours.scope, search="flk_TEST") == {second.id}
    assert await listed(database, ours.scope, search=first.key_prefix) == {first.id}
    assert await listed(database, ours.scope, search="deploy", user_id=bob) == {second.id}
    for nobody in (new_id(), "", "\x00", "\ud800"):
        assert await listed(database, ours.scope, user_id=nobody) == set()
    assert await listed(database, ours.scope, search="\x00") == set()


async def test_every_key_has_one_state(database: Database, ours: Tenant) -> None:
    """A key is current, expired by the database's clock, or revoked, which it stays when its end comes."""
    user_id, later = await make_user(database, ours), datetime.now(UTC) + YEAR
    lasting, ending, ended, stopped, both = [
        (await make_key(database, ours, user_id, expires_at=end))[0] for end in (None, later, later, None, later)
    ]
    await end_in(database, ended.id, time=timedelta())
    await end_in(database, both.id, time=timedelta())
    for key in (stopped, both):
        await revoked(database, ours, key)

    expected: dict[KeyState | None, set[str]] = {
        "current": {lasting.id, ending.id},
        "expired": {ended.id},
        "revoked": {stopped.id, both.id},
        None: {lasting.id, ending.id, ended.id, stopped.id, both.id},
    }
    for state, ids in expected.items():
        assert await listed(database, ours.scope, state=state) == ids


async def test_parts_of_a_list_make_the_whole(database: Database, ours: Tenant) -> None:
    """Walking pages or slices visits each key once, newest first, also among keys of the same instant."""
    user_id = await make_user(database, ours)
    made = [(await make_key(database, ours, user_id))[0].id for _ in range(7)]
    async with database.unit_of_work(FLEET) as session:
        await session.execute(
            text("update api_keys set created_at = now() where id = any(:ids)").bindparams(ids=made[4:])
        )
    newest = [*sorted(made[4:], reverse=True), *reversed(made[:4])]

    async with database.unit_of_work(ours.scope) as session:
        pages = [await get_api_key_page(session, ours.scope, window=Window(n, 3)) for n in (1, 2, 3, 4)]
        walked, after = [], After(limit=3)
        while True:
            part = await get_api_key_slice(session, ours.scope, after=after)
            walked += [key.id for key in part.data]
            if part.next is None:
                break
            after = After(part.next, 3)

    assert [key.id for page in pages for key in page.data] == newest
    assert [(len(page.data), page.total) for page in pages] == [(3, 7), (3, 7), (1, 7), (0, 7)]
    assert walked == newest
