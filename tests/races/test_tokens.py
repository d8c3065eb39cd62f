"""One token shown fifty times at once: one of them gets what it stands for, and what it makes is there once."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import anyio
import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.people import tell
from tests.fixtures.signing import PASSWORD, Account, Mailbox, coming_from, token_in

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio
USES: Final = 50


async def _at_once(app: FastAPI, path: str, body: dict[str, Any]) -> Counter[int]:
    """Send one request fifty times at once, each from an address of its own; count the answers."""
    statuses: Counter[int] = Counter()

    async def one(client: httpx.AsyncClient) -> None:
        statuses[(await client.post(path, json=body)).status_code] += 1

    async with anyio.create_task_group() as tasks:
        for index in range(USES):
            tasks.start_soon(one, coming_from(app, f"198.51.100.{index}"))
    return statuses


async def test_a_sign_up_is_confirmed_once(app: FastAPI, database: Database) -> None:
    """Fifty uses of one verification make one organization with one owner."""
    async with coming_from(app) as visitor:
        given = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada", "organization": "Acme"}
        await visitor.post("/api/auth/sign-up", json=given)
    token = token_in(await Mailbox().collect(database))

    assert await _at_once(app, "/api/auth/verify", {"token": token}) == {200: 1, 400: USES - 1}
    made = "select (select count(*) from users), (select count(*) from organizations where slug like 'acme%')"
    assert await tell(database, made) == [(1, 1)]


async def test_a_password_is_reset_once(app: FastAPI, database: Database, account: Account) -> None:
    """Fifty uses of one token of a reset set one password."""
    async with coming_from(app) as visitor:
        await visitor.post("/api/auth/request-reset", json={"email": account.user.email})
    token = token_in(await Mailbox().collect(database))

    statuses = await _at_once(app, "/api/auth/reset", {"token": token, "password": "another password"})

    assert statuses == {204: 1, 400: USES - 1}
    [(count,)] = await tell(database, "select count(*) from audit_events where action = 'user.password_set'")
    assert count == 2  # when the account was made, and now
