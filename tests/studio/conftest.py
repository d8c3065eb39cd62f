"""A studio on Fairlead's schema with a row in every table of two organizations, and one on another application's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.fixtures import warehouse
from tests.fixtures.every_table import fill_every_table
from tests.fixtures.studios import Guest, opened


@pytest.fixture
def two(database_url: str) -> Iterator[tuple[str, str]]:
    """Two organizations with something in every table; the slug of each is its id."""
    with psycopg.connect(database_url) as connection:
        yield fill_every_table(connection), fill_every_table(connection)


@pytest.fixture
async def guest(database_url: str, two: tuple[str, str], tmp_path: Path) -> AsyncIterator[Guest]:
    """A guest of a studio that was started read-only."""
    del two  # are there
    async with opened(database_url, tmp_path) as found:
        yield found


@pytest.fixture
async def writer(database_url: str, two: tuple[str, str], tmp_path: Path) -> AsyncIterator[Guest]:
    """A guest of a studio that was started with --write."""
    del two  # are there
    async with opened(database_url, tmp_path, writable=True) as found:
        yield found


@pytest.fixture
def shop_url(empty_url: str) -> str:
    """The database of another application."""
    warehouse.set_up(empty_url)
    return empty_url


@pytest.fixture
async def shopper(shop_url: str, tmp_path: Path) -> AsyncIterator[Guest]:
    """A guest of a studio on that application, started with --write."""
    async with opened(shop_url, tmp_path, target=warehouse.target(), writable=True) as found:
        yield found
