from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from tests.fixtures.faults import end_connections, refuse_connections, until_back
from tests.fixtures.items import FLEET
from tests.fixtures.keys import PEPPER, make_key, make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database
from fairlead.domain.api_keys import new_key
from fairlead.errors import DatabaseUnavailable, Unauthenticated
from fairlead.services import api_keys, key_cache
from fairlead.services.key_cache import LIFE_SECONDS, KeyCache
from fairlead.services.roles import create_role

pytestmark = pytest.mark.anyio
ENDS = {
    "revoked": "update api_keys set revoked_at = now()",
    "over": "update api_keys set expires_at = now()",
    "deleted": "delete from api_keys",
    "its user is gone": "update users set deleted_at = now()",
    "its organization is gone": "update organizations set deleted_at = now()",
    "its maker was removed": "delete from user_roles",
}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def cache(database: Database, clock: Callable[[], float], **options: int) -> KeyCache:
    """Return a cache that a test's clock moves."""
    return KeyCache(database, pepper=PEPPER, clock=clock, **options)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many keys each query was about."""
    counts: list[int] = []
    find = api_keys.find_principals

    async def counting(*given: Any, key_hashes: Any) -> Any:
        counts.append(len(key_hashes))
        return await find(*given, key_hashes=key_hashes)

    monkeypatch.setattr(key_cache, "find_principals", counting)
    return counts


async def change(database: Database, statement: str) -> None:
    """Change something in a transaction of its own."""
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text(statement))


@pytest.mark.parametrize("end", ENDS)
async def test_an_end_reaches_every_process_within_a_second(database: Database, ours: Tenant, *, end: str) -> None:
    """However a key ends, a second later no process lets it in, although nobody told any of them."""
    clock = Clock()
    _, raw = await make_key(database, ours, await make_user(database, ours))
    processes = [cache(database, clock) for _ in range(3)]
    for process in processes:
        await process.principal(raw)
    await change(database, ENDS[end])

    clock.now += LIFE_SECONDS
    for process in processes:
        with pytest.raises(Unauthenticated):
            await process.principal(raw)
    assert LIFE_SECONDS == 1


async def test_a_smaller_role_reaches_every_process_within_a_second(database: Database, ours: Tenant) -> None:
    """A second after its maker lost a permission no key has it any more."""
    clock = Clock()
    async with database.unit_of_work(ours.scope) as session:
        await create_role(session, ours.scope, name="less", permissions=["queues:read"])
    scopes = ("items:read", "queues:read")
    _, raw = await make_key(database, ours, await make_user(database, ours), scopes=scopes)
    keys = cache(database, clock)
    before = (await keys.principal(raw)).permissions
    await change(
        database,
        "update user_roles m set role_id = r.id, role_scope = owner_scope from roles r where r.name = 'less'",
    )

    clock.now += LIFE_SECONDS
    assert before == set(scopes)
    assert (await keys.principal(raw)).permissions == {"queues:read"}


async def test_a_second_of_requests_is_one_query(database: Database, ours: Tenant, asked: list[int]) -> None:
    """What is remembered is told without the database, for as long as it is believed and no longer."""
    clock = Clock()
    made, raw = await make_key(database, ours, await make_user(database, ours))
    keys = cache(database, clock)
    first = await keys.principal(raw)

    clock.now += 0.999
    assert await keys.principal(raw) is first
    assert asked == [1]
    clock.now += 0.001
    assert (await keys.principal(raw)).api_key_id == made.id
    assert asked == [1, 1]


async def test_misses_at_once_share_a_query(database: Database, ours: Tenant, asked: list[int]) -> None:
    """Keys that come at once are asked about together, each once, and each request gets its own key's answer."""
    user_id = await make_user(database, ours)
    made = [await make_key(database, ours, user_id) for _ in range(5)]
    keys = cache(database, Clock())

    found = await asyncio.gather(*(keys.principal(raw) for _, raw in made * 20))

    assert [principal.api_key_id for principal in found] == [key.id for key, _ in made] * 20
    assert asked == [5]


async def test_nobody_is_answered_by_an_older_query(database: Database, ours: Tenant, asked: list[int]) -> None:
    """Who comes while a query is under way is not answered by what it finds, once that is too old to be believed."""
    clock = Clock()
    _, raw = await make_key(database, ours, await make_user(database, ours))
    keys = cache(database, clock)
    with psycopg.connect(database.options.url) as holder:
        holder.execute("set role fairlead_owner")
        holder.execute("lock table api_keys")
        early = asyncio.create_task(keys.principal(raw))
        await until_blocked(database)
        clock.now += LIFE_SECONDS
        late = asyncio.create_task(keys.principal(raw))
        await asyncio.wait([late], timeout=0)
    await early
    await late

    assert asked == [1, 1]


async def test_unknown_keys_are_not_remembered(database: Database, ours: Tenant, asked: list[int]) -> None:
    """A key that is unknown now may be known the next moment; junk is refused without a query."""
    keys = cache(database, Clock())
    for raw in ("junk", "", f"{new_key()}x"):
        with pytest.raises(Unauthenticated):
            await keys.principal(raw)
    assert asked == []

    _, raw = await make_key(database, ours, await make_user(database, ours))
    await change(database, "update api_keys set revoked_at = now()")
    with pytest.raises(Unauthenticated):
        await keys.principal(raw)
    await change(database, "update api_keys set revoked_at = null")
    assert (await keys.principal(raw)).organization_id == ours.organization_id


async def test_memory_is_bounded(database: Database, ours: Tenant, asked: list[int]) -> None:
    """Beyond the bound the oldest is forgotten and asked about again."""
    user_id = await make_user(database, ours)
    raws = [(await make_key(database, ours, user_id))[1] for _ in range(3)]
    keys = cache(database, Clock(), most=2)
    for raw in raws:
        await keys.principal(raw)

    await keys.principal(raws[2])
    await keys.principal(raws[1])
    assert asked == [1, 1, 1]
    await keys.principal(raws[0])
    assert asked == [1, 1, 1, 1]


async def test_an_outage_is_told_to_whoever_asks(database: Database, ours: Tenant, server_url: str) -> None:
    """Each request of an outage is told of it, what is remembered goes on, and afterwards everything works again."""
    clock, url = Clock(), database.options.url
    user_id = await make_user(database, ours)
    known, unknown = [(await make_key(database, ours, user_id))[1] for _ in range(2)]
    keys = cache(database, clock)
    await keys.principal(known)
    refuse_connections(server_url, url, refuse=True)
    try:
        end_connections(server_url, url)
        told = await asyncio.gather(*(keys.principal(unknown) for _ in range(3)), return_exceptions=True)
        assert (await keys.principal(known)).user_id == user_id
    finally:
        refuse_connections(server_url, url, refuse=False)
    await until_back(database)

    assert [type(error) for error in told] == [DatabaseUnavailable] * 3
    assert (await keys.principal(unknown)).user_id == user_id


async def test_who_goes_away_takes_no_answer_from_others(database: Database, ours: Tenant) -> None:
    """A request that is cancelled while it waits leaves the others' answer alone."""
    _, raw = await make_key(database, ours, await make_user(database, ours))
    keys = cache(database, Clock())
    first, second = (asyncio.create_task(keys.principal(raw)) for _ in range(2))
    await asyncio.wait([first], timeout=0)
    first.cancel()

    assert (await second).organization_id == ours.organization_id
    with pytest.raises(asyncio.CancelledError):
        await first
