from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.api.conftest import Key
from tests.fixtures.faults import end_connections, refuse_connections
from tests.fixtures.items import FLEET
from tests.fixtures.waiting import until

from fairlead.api import app as app_module
from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


async def used(database: Database) -> list[str]:
    """Return the ids of the keys whose use is written down."""
    async with database.unit_of_work(FLEET) as session:
        return list((await session.execute(text("select id from api_keys where last_used_at is not null"))).scalars())


async def test_use_is_written_down_while_serving(
    app: FastAPI, client: httpx.AsyncClient, key: Key, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key's use is written down after its request, in the course of a minute or so."""
    monkeypatch.setattr(app_module, "FLUSH_SECONDS", 0.01)

    async def written() -> bool:
        return await used(database) == [key.id]

    async with app.router.lifespan_context(app):
        assert (await client.get("/api/queues")).status_code == 200
        await until(written, what="the key's use is written down")


async def test_use_is_written_down_at_the_end(
    app: FastAPI, client: httpx.AsyncClient, key: Key, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was used since the last time is written down when the server stops; a refused key is not used."""
    monkeypatch.setattr(app_module, "FLUSH_SECONDS", 60.0)
    async with app.router.lifespan_context(app):
        assert (await client.get("/api/queues")).status_code == 200
        assert (await client.get("/api/queues", headers={"authorization": "Bearer junk"})).status_code == 401
        assert await used(database) == []

    assert await used(database) == [key.id]


async def test_server_stops_without_its_database(
    app: FastAPI, client: httpx.AsyncClient, database: Database, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A last flush that cannot be is said and keeps no server from stopping."""
    monkeypatch.setattr(app_module, "FLUSH_SECONDS", 60.0)
    url = database.options.url
    try:
        with capture_logs() as logs:
            async with app.router.lifespan_context(app):
                assert (await client.get("/api/queues")).status_code == 200
                refuse_connections(server_url, url, refuse=True)
                end_connections(server_url, url)
    finally:
        refuse_connections(server_url, url, refuse=False)

    assert ("key_use_lost", "DATABASE_UNAVAILABLE") in [(log["event"], log.get("code")) for log in logs]
