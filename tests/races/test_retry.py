from __future__ import annotations

import random
from collections import Counter

import anyio
import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell
from tests.fixtures.statements import value_of

from fairlead.db.retry import transact
from fairlead.db.session import Database, Isolation, Session
from fairlead.errors import LastOwner

pytestmark = pytest.mark.anyio

WORKERS, TURNS = 6, 5


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_no_update_is_lost(database: Database, ours: Tenant, isolation: Isolation) -> None:
    """Who reads, thinks and writes loses no other's change: with retries everybody's turn counts exactly once."""
    tries: Counter[int] = Counter()

    async def count_up(number: int) -> None:
        async def work(session: Session) -> None:
            tries[number] += 1
            weight = await value_of(session, "select weight from organizations")
            await anyio.lowlevel.checkpoint()
            await session.execute(text("update organizations set weight = :weight").bindparams(weight=weight + 1))

        for _ in range(TURNS):
            await transact(database, ours.scope, work=work, isolation=isolation, tries=200)

    async with anyio.create_task_group() as tasks:
        for number in range(WORKERS):
            tasks.start_soon(count_up, number)

    assert [row.weight for row in await tell(database, "select weight from organizations")] == [1 + WORKERS * TURNS]
    assert tries.total() > WORKERS * TURNS, "nobody met anybody: make them meet"


async def test_a_rule_over_two_rows_holds(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """With `serializable` and retries a rule that no single row shows holds in every round: one of the two stays."""
    for _ in range(10):
        await tell(database, "update organizations set weight = 2")
        refused: list[Tenant] = []

        async def give_up(owner: Tenant, refused: list[Tenant]) -> None:
            async def work(session: Session) -> None:
                if await value_of(session, "select count(*) from organizations where weight = 2") < 2:
                    raise LastOwner
                lighter = text("update organizations set weight = 1 where id = :id")
                await session.execute(lighter.bindparams(id=owner.organization_id))

            try:
                await transact(database, FLEET, work=work, isolation="serializable", tries=50)
            except LastOwner:
                refused.append(owner)

        async with anyio.create_task_group() as tasks:
            for owner in (ours, theirs):
                tasks.start_soon(give_up, owner, refused)

        heavy = await tell(database, "select id from organizations where weight = 2")
        assert [row.id for row in heavy] == [owner.organization_id for owner in refused]
        assert len(refused) == 1


async def test_locks_in_any_order(database: Database) -> None:
    """However badly transactions order their locks, with retries all of them end, each having happened once."""
    owners = [await make_tenant(database) for _ in range(4)]

    async def add_to_all(number: int) -> None:
        order = random.Random(number).sample(owners, len(owners))  # noqa: S311 - the same each run

        async def work(session: Session) -> None:
            for owner in order:
                heavier = text("update organizations set weight = weight + 1 where id = :id")
                await session.execute(heavier.bindparams(id=owner.organization_id))

        await transact(database, FLEET, work=work, tries=50)

    async with anyio.create_task_group() as tasks:
        for number in range(WORKERS):
            tasks.start_soon(add_to_all, number)

    assert [row.weight for row in await tell(database, "select weight from organizations")] == [1 + WORKERS] * 4
