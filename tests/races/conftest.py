"""The API on a real database, for races between requests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from tests.fixtures.signing import QUICK, Account, make_account

from fairlead.api.app import create_app
from fairlead.bootstrap import Resources
from fairlead.db.notify import Notifier
from fairlead.db.session import Database


@pytest.fixture
async def app(database: Database) -> AsyncIterator[FastAPI]:
    """The application."""
    notifier = Notifier(database.options)
    made = create_app(Resources(database, notifier, database.options.url, b"a pepper for tests, at least this long"))
    made.state.passwords = QUICK
    yield made
    await notifier.close()


@pytest.fixture
async def account(database: Database) -> Account:
    """Somebody with a password."""
    return await make_account(database)
