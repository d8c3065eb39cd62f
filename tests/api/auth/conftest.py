"""The API with passwords that are hashed in a moment, somebody with an account, and a mailbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.signing import QUICK, Account, Mailbox, coming_from, make_account

from fairlead.db.session import Database


@pytest.fixture
def mailbox() -> Mailbox:
    """Where mails go."""
    return Mailbox()


@pytest.fixture
async def visitor(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a credential, at home."""
    app.state.passwords = QUICK
    async with coming_from(app) as client:
        yield client


@pytest.fixture
async def account(database: Database) -> Account:
    """Somebody with a password."""
    return await make_account(database)
