"""Two hundred guesses of one password at the same moment, from one address and from many, and the owner at home."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import anyio
import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.people import tell
from tests.fixtures.signing import HOME, PASSWORD, Account, begin, coming_from

from fairlead.db.session import Database
from fairlead.domain.budgets import BUDGETS

pytestmark = pytest.mark.anyio
GUESSES: Final = 200
BUDGET: Final = BUDGETS["sign_in"]


async def _guess(app: FastAPI, email: str, addresses: Iterable[str]) -> Counter[int]:
    statuses: Counter[int] = Counter()

    async def one(client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/auth/sign-in", json={"email": email, "password": "a guess"})
        statuses[answer.status_code] += 1
        assert answer.status_code != 429 or 0 < int(answer.headers["retry-after"]) <= 60

    async with anyio.create_task_group() as tasks:
        for address in addresses:
            tasks.start_soon(one, coming_from(app, address))
    return statuses


async def _enters(app: FastAPI, account: Account, address: str) -> int:
    async with coming_from(app, address) as client:
        body = {"email": account.user.email, "password": PASSWORD}
        return (await client.post("/api/auth/sign-in", json=body)).status_code


async def test_a_burst_from_one_address_stays_in_its_budget(
    app: FastAPI,
    database: Database,
    account: Account,
) -> None:
    """Of 200 wrong passwords at once from one address ten are compared; its owner signs in from home meanwhile."""
    await begin(database, account.user.id, address=HOME)

    statuses = await _guess(app, account.user.email, ["198.51.100.9"] * GUESSES)

    assert statuses == {401: BUDGET.pair.burst, 429: GUESSES - BUDGET.pair.burst}
    assert await _enters(app, account, HOME) == 200
    assert await _enters(app, account, "198.51.100.9") == 429  # the right password is not compared either


async def test_guesses_from_everywhere_stay_in_one_budget(
    app: FastAPI,
    database: Database,
    account: Account,
) -> None:
    """Of 200 guesses from as many addresses twenty are compared, known account or not; home is open all the time."""
    await begin(database, account.user.id, address=HOME)
    for email in (account.user.email, "nobody@example.org"):
        statuses = await _guess(app, email, [f"198.51.100.{index}" for index in range(GUESSES)])
        assert statuses == {401: BUDGET.strangers.burst, 429: GUESSES - BUDGET.strangers.burst}

    for _ in range(2 * BUDGET.pair.burst):  # what succeeds costs nothing
        assert await _enters(app, account, HOME) == 200
    await tell(database, "delete from sessions")
    assert await _enters(app, account, HOME) == 429  # nobody's usual address any more


async def test_one_address_cannot_try_everybody(
    app: FastAPI,
) -> None:
    """An address that tries many accounts is stopped after a hundred."""
    statuses: Counter[int] = Counter()
    async with coming_from(app, "198.51.100.9") as client:
        for index in range(BUDGET.address.burst + 5):
            body = {"email": f"{index}@example.org", "password": "a guess"}
            statuses[(await client.post("/api/auth/sign-in", json=body)).status_code] += 1

    assert statuses[401] >= BUDGET.address.burst
    assert statuses[429] >= 1
