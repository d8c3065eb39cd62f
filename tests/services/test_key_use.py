from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text
from tests.fixtures.faults import end_connections, refuse_connections, until_back
from tests.fixtures.items import FLEET
from tests.fixtures.keys import make_key, make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until_blocked

from fairlead.db.rows import read_clock
from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.errors import DatabaseUnavailable
from fairlead.services.key_use import KeyUse, record_key_use

pytestmark = pytest.mark.anyio


@pytest.fixture
async def keys(database: Database, ours: Tenant) -> list[str]:
    """The ids of four keys, in order."""
    user_id = await make_user(database, ours)
    return sorted([(await make_key(database, ours, user_id))[0].id for _ in range(4)])


async def used(database: Database) -> dict[str, datetime]:
    """Return when each key was used, of those that were."""
    async with database.unit_of_work(FLEET) as session:
        rows = await session.execute(text("select id, last_used_at from api_keys where last_used_at is not null"))
        return {row["id"]: row["last_used_at"] for row in rows.mappings()}


async def record(database: Database, *api_key_ids: str) -> None:
    """Record a use in a transaction of its own."""
    async with database.unit_of_work(FLEET) as session:
        await record_key_use(session, FLEET, api_key_ids=api_key_ids)


async def test_use_is_recorded_for_the_keys_used(database: Database, keys: list[str], theirs: Tenant) -> None:
    """The keys of whatever organization that were used get the database's time, the others nothing."""
    other, _raw = await make_key(database, theirs, await make_user(database, theirs))
    async with database.unit_of_work(FLEET) as session:
        began = await read_clock(session)

    await record(database, keys[2], other.id, keys[0], keys[0])

    times = await used(database)
    assert times.keys() == {keys[0], keys[2], other.id}
    async with database.unit_of_work(FLEET) as session:
        assert began <= min(times.values()) <= max(times.values()) <= await read_clock(session)


async def test_keys_that_are_gone_are_left_out(database: Database, keys: list[str]) -> None:
    """A key that was deleted meanwhile, or never was, keeps no other's use from being recorded."""
    await record(database, new_id(), keys[1], "short")
    await record(database)

    assert (await used(database)).keys() == {keys[1]}


async def test_time_of_use_moves_forward_only(database: Database, keys: list[str]) -> None:
    """A later use moves the time forward; a record that comes late never moves it back."""
    await record(database, keys[0])
    first = (await used(database))[keys[0]]
    await record(database, keys[0])
    second = (await used(database))[keys[0]]
    ahead = second + timedelta(hours=1)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update api_keys set last_used_at = :ahead").bindparams(ahead=ahead))

    await record(database, keys[0])

    assert first < second
    assert (await used(database))[keys[0]] == ahead


async def test_rows_are_locked_in_the_order_of_their_ids(database: Database, keys: list[str]) -> None:
    """However the ids are given, each row is locked after those with smaller ids and before any other."""
    with psycopg.connect(database.options.url) as holder:
        holder.execute("set role fairlead_system")
        holder.execute("select from api_keys where id = %s for update", [keys[2]])
        recording = asyncio.create_task(record(database, *reversed(keys)))
        await until_blocked(database)
        with psycopg.connect(database.options.url) as other:
            other.execute("set role fairlead_system")
            free = other.execute("select id from api_keys order by id for update skip locked").fetchall()
    await recording

    assert [row[0] for row in free] == [keys[3]]
    assert (await used(database)).keys() == set(keys)


async def test_records_at_once_never_deadlock(database: Database, keys: list[str]) -> None:
    """Many processes that record the same keys in any order all succeed."""
    await asyncio.gather(*(record(database, *keys[n % 4 :], *keys[: n % 4]) for n in range(60)))

    assert (await used(database)).keys() == set(keys)


async def test_flush_writes_what_was_noted_once(database: Database, keys: list[str]) -> None:
    """A flush writes every key noted since the last one; the next has nothing to do and touches nothing."""
    key_use = KeyUse(database)
    for api_key_id in (keys[0], keys[1], keys[0]):
        key_use.note(api_key_id)
    await key_use.flush()
    first = await used(database)
    await key_use.flush()

    assert first.keys() == set(keys[:2])
    assert await used(database) == first


async def test_failing_flush_loses_nothing(database: Database, keys: list[str], server_url: str) -> None:
    """What could not be written, and what was noted since, is written by the next flush that can."""
    key_use, url = KeyUse(database), database.options.url
    key_use.note(keys[0])
    refuse_connections(server_url, url, refuse=True)
    try:
        end_connections(server_url, url)
        with pytest.raises(DatabaseUnavailable):
            await key_use.flush()
    finally:
        refuse_connections(server_url, url, refuse=False)
    await until_back(database)
    key_use.note(keys[1])

    await key_use.flush()

    assert (await used(database)).keys() == set(keys[:2])


async def test_cancelled_flush_loses_nothing(database: Database, keys: list[str]) -> None:
    """A flush that is cancelled while it waits for a lock leaves its keys to the next."""
    key_use = KeyUse(database)
    key_use.note(keys[0])
    with psycopg.connect(database.options.url) as holder:
        holder.execute("set role fairlead_system")
        holder.execute("select from api_keys for update")
        flushing = asyncio.create_task(key_use.flush())
        await until_blocked(database)
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing

    await key_use.flush()

    assert (await used(database)).keys() == {keys[0]}


async def test_memory_is_bounded(database: Database, keys: list[str]) -> None:
    """Beyond the bound a use is not noted, however many keys there are; the first ones are kept."""
    key_use = KeyUse(database, most=2)
    for api_key_id in keys:
        key_use.note(api_key_id)
    await key_use.flush()

    assert (await used(database)).keys() == set(keys[:2])
