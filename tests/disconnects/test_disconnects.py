"""Clients of two organizations that hang up in the middle, over two pooled connections.

`make disconnects` cuts 10,000 requests; otherwise it is a few hundred.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from itertools import count
from random import Random

import psycopg
import pytest
from tests.api.conftest import PEPPER, make_key
from tests.disconnects.cutting import Heard, Party, cut
from tests.fixtures.organizations import make_tenant
from tests.fixtures.processes import Processes, processes
from tests.fixtures.waiting import until

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database

__all__ = ["processes"]
pytestmark = pytest.mark.anyio
REQUESTS = int(os.environ.get("FAIRLEAD_TEST_DISCONNECTS", "300"))
AT_ONCE = 8
SEED = 20
_OPEN = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name = 'fairlead serve'
and (state like 'idle in transaction%' or (state = 'active' and xact_start is not null))
"""
_ITEMS = "select organization_id, payload->>'mark', count(*) from queue_items group by 1, 2"


@pytest.fixture
async def parties(fresh_url: str) -> dict[str, Party]:
    """Two organizations by their ids, each with a key."""
    database = Database(DatabaseOptions(url=fresh_url, application_name="tests", pool_size=2))
    found = {}
    for mark in ("zqmark-of-one", "qzmark-of-another"):
        tenant = await make_tenant(database)
        key = await make_key(database, tenant)
        found[tenant.organization_id] = Party(mark, key.raw, tenant.queue_id)
    await database.close()
    return found


async def test_who_hangs_up_leaves_nothing_open_and_nothing_to_others(
    processes: Processes, fresh_url: str, parties: dict[str, Party]
) -> None:
    """Cut at any byte, requests leave no transaction open, and no row and no byte of one organization to another."""
    settings = {"FAIRLEAD_DATABASE_POOL_SIZE": "2", "FAIRLEAD_SECRET": PEPPER.decode()}
    server = processes.start("serve", "--port", "0", url=fresh_url, environment=settings)
    await server.until_said("Serving on", seconds=60)
    address = re.findall(r"http://[\d.:]+", server.said())[0]
    heard = [Heard(party) for party in parties.values()]

    await _cut_all(address, heard)

    with psycopg.connect(fresh_url, autocommit=True) as connection:

        async def nothing_open() -> bool:
            return connection.execute(_OPEN).fetchone() == (0,)

        await until(nothing_open, what="no transaction is open")
        kept = connection.execute(_ITEMS).fetchall()
    _nothing_is_mixed_up(parties, heard, kept)
    assert "request_failed" not in server.said()


async def _cut_all(address: str, heard: Sequence[Heard]) -> None:
    """Cut every request, the organizations taking turns."""
    numbers = count()

    async def client(seed: int) -> None:
        dice = Random(seed)  # noqa: S311 - dice, not secrets
        while (number := next(numbers)) < REQUESTS:
            one = heard[number % len(heard)]
            await cut(address, one, dice.choice(one.party.requests()), dice)

    async with asyncio.TaskGroup() as clients:
        for number in range(AT_ONCE):
            clients.create_task(client(SEED + number))


def _nothing_is_mixed_up(
    parties: dict[str, Party], heard: Sequence[Heard], kept: Sequence[tuple[str, str, int]]
) -> None:
    """Each heard and kept only what is its own, something of it, and every item that was answered."""
    for one in heard:
        [other] = [party for party in parties.values() if party is not one.party]
        assert one.whole > REQUESTS / 4
        assert one.contains(one.party.mark)
        assert not one.contains(other.mark)
    assert {(organization, mark) for organization, mark, _ in kept} == {
        (organization, party.mark) for organization, party in parties.items()
    }
    for organization, _, items in kept:
        [one] = [one for one in heard if one.party is parties[organization]]
        made = sum(answer.count(b'"status":"waiting","priority"') for answer in one.answers if b" 201 " in answer[:20])
        assert made <= items <= 21 * one.whole
