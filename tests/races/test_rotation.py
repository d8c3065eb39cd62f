from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.keys import PEPPER, make_key, make_user, opens
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database, Isolation
from fairlead.errors import Conflict, FairleadError, NotFound, TransactionConflict
from fairlead.services.api_keys import delete_api_key, revoke_api_key, rotate_api_key

pytestmark = pytest.mark.anyio
ROUNDS, AT_ONCE = 100, 4


async def _rotate(database: Database, tenant: Tenant, api_key_id: str, isolation: Isolation) -> str | FairleadError:
    """Return the new raw key, or why there is none."""
    try:
        async with database.unit_of_work(tenant.scope, isolation=isolation) as session:
            return (await rotate_api_key(session, tenant.scope, api_key_id=api_key_id, pepper=PEPPER))[1]
    except FairleadError as error:
        return error


async def _end(database: Database, tenant: Tenant, api_key_id: str, *, delete: bool) -> None:
    end = delete_api_key if delete else revoke_api_key
    async with database.unit_of_work(tenant.scope) as session:
        await end(session, tenant.scope, api_key_id=api_key_id)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
async def test_of_rotations_at_once_one_wins(database: Database, ours: Tenant, *, isolation: Isolation) -> None:
    """However many rotate a key at the same moment, one gets its successor and the others are told so, every time."""
    user_id = await make_user(database, ours)
    losses = {Conflict} if isolation == "read committed" else {Conflict, TransactionConflict}
    for _ in range(ROUNDS):
        old, _raw = await make_key(database, ours, user_id)

        outcomes = await asyncio.gather(*(_rotate(database, ours, old.id, isolation) for _ in range(AT_ONCE)))

        won = [outcome for outcome in outcomes if isinstance(outcome, str)]
        assert len(won) == 1, outcomes
        lost = [outcome for outcome in outcomes if not isinstance(outcome, str)]
        assert {type(outcome) for outcome in lost} <= losses
        assert all("rotated" in str(outcome) for outcome in lost if isinstance(outcome, Conflict))
    async with database.unit_of_work(FLEET) as session:
        counted = await session.execute(
            text("select count(*), count(rotated_from), count(distinct rotated_from) from api_keys")
        )
        assert tuple(counted.one()) == (2 * ROUNDS, ROUNDS, ROUNDS)


@pytest.mark.parametrize("delete", [False, True], ids=["revoke", "delete"])
async def test_a_key_that_ends_meanwhile_is_not_revived(database: Database, ours: Tenant, *, delete: bool) -> None:
    """When a key is rotated and revoked or deleted at once, the old one is over, and a successor is told of or not."""
    user_id = await make_user(database, ours)
    for _ in range(ROUNDS):
        old, old_raw = await make_key(database, ours, user_id)

        outcome, _ = await asyncio.gather(
            _rotate(database, ours, old.id, "read committed"), _end(database, ours, old.id, delete=delete)
        )

        assert not await opens(database, old_raw)
        if isinstance(outcome, str):
            assert await opens(database, outcome)
        else:
            assert isinstance(outcome, NotFound if delete else Conflict)
