"""The API in this process on a real database, and a key to knock with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.declared import Declared
from tests.fixtures.organizations import Tenant

from fairlead.api.app import create_app
from fairlead.bootstrap import Resources
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import KEY_SCOPES
from fairlead.services.api_keys import create_api_key
from fairlead.services.key_cache import KeyCache
from fairlead.services.users import create_user

PEPPER = b"a pepper for tests, at least this long"


@dataclass(frozen=True)
class Key:
    """A key of a test: its id, its maker, and the secret."""

    id: str
    user_id: str
    raw: str

    @property
    def headers(self) -> dict[str, str]:
        """What a request carries."""
        return {"Authorization": f"Bearer {self.raw}"}


async def make_key(database: Database, tenant: Tenant, *, scopes: Collection[str] = KEY_SCOPES, **options: Any) -> Key:
    """Make an owner and a key of theirs; keywords are `create_api_key`'s."""
    async with database.unit_of_work(tenant.scope) as session:
        user = await create_user(session, tenant.scope, email=f"{new_id()}@example.org", name="Ada", role="owner")
        key, raw = await create_api_key(
            session, tenant.scope, name="tests", user_id=user.id, scopes=scopes, pepper=PEPPER, **options
        )
    return Key(key.id, user.id, raw)


@pytest.fixture
async def resources(database: Database) -> AsyncIterator[Resources]:
    """What the application works with."""
    notifier = Notifier(database.options)
    yield Resources(database=database, notifier=notifier, database_url=database.options.url, pepper=PEPPER)
    await notifier.close()


@pytest.fixture
async def app(resources: Resources) -> AsyncIterator[FastAPI]:
    """The application; whom a key stands for is asked anew for each request."""
    made = create_app(resources)
    made.state.keys = KeyCache(resources.database, pepper=PEPPER, life_seconds=0)
    yield made
    await made.state.wakings.close()


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key; whatever it is answered must be declared in the document."""
    transport = httpx.ASGITransport(app=Declared(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://fairlead.test") as client:
        yield client


@pytest.fixture
async def key(database: Database, ours: Tenant) -> Key:
    """A key of our organization with every scope that a key can have."""
    return await make_key(database, ours)


@pytest.fixture
async def client(stranger: httpx.AsyncClient, key: Key) -> httpx.AsyncClient:
    """A client with that key."""
    stranger.headers.update(key.headers)
    return stranger
