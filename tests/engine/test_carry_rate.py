from __future__ import annotations

import pytest
from tests.fixtures.clock import ClockedDatabase
from tests.fixtures.items import claim_some, enqueue_some
from tests.fixtures.organizations import Tenant, make_tenant

from fairlead.services.queues import update_queue

pytestmark = pytest.mark.anyio
RATE, PERIOD = 5, 60


@pytest.fixture
async def rated(clocked: ClockedDatabase) -> Tenant:
    """A queue with a rate, of which all was claimed that it gives."""
    owner = await make_tenant(clocked, rate_limit=RATE, rate_period_seconds=PERIOD)
    await enqueue_some(clocked, owner, 100)
    assert len(await claim_some(clocked, owner, 50)) == RATE
    return owner


async def _change(clocked: ClockedDatabase, owner: Tenant, seconds: int) -> None:
    async with clocked.unit_of_work(owner.scope) as session:
        await update_queue(session, owner.scope, queue_id=owner.queue_id, rate_period_seconds=seconds)


@pytest.mark.parametrize("seconds", [1, PERIOD - 1, PERIOD + 1, 24 * 3600])
async def test_a_changed_period_gives_no_second_rate(clocked: ClockedDatabase, rated: Tenant, seconds: int) -> None:
    """What was claimed before counts within the new period, as if it had been claimed at the change; then no more."""
    clocked.now += 10
    await _change(clocked, rated, seconds)
    assert await claim_some(clocked, rated, 50) == []
    clocked.now += seconds - 1
    assert await claim_some(clocked, rated, 50) == []
    clocked.now += seconds // 10 + 2
    assert len(await claim_some(clocked, rated, 50)) == RATE


async def test_to_and_fro(clocked: ClockedDatabase, rated: Tenant) -> None:
    """Whoever changes the period again and again is given nothing by that."""
    for seconds in (PERIOD + 1, PERIOD, PERIOD * 2, PERIOD):
        await _change(clocked, rated, seconds)
        assert await claim_some(clocked, rated, 50) == []


async def test_what_is_long_ago_counts_no_more(clocked: ClockedDatabase, rated: Tenant) -> None:
    """After a whole old period without a claim the new one begins empty."""
    clocked.now += 2 * PERIOD
    await _change(clocked, rated, 3600)
    assert len(await claim_some(clocked, rated, 50)) == RATE
