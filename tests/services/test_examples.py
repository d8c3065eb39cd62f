from __future__ import annotations

import asyncio

import pytest

from fairlead.db.session import Database
from fairlead.db.tenancy import system
from fairlead.services.examples import Example, ensure_example
from fairlead.services.organizations import create_organization

pytestmark = pytest.mark.anyio
OPERATOR = system("tests")


async def _ensured(database: Database) -> Example:
    return await ensure_example(
        database, name="Acme", slug="acme", email="ada@acme.example", queues=["emails", "reports"], pepper=b"p" * 32
    )


async def test_the_example_is_found_again(database: Database) -> None:
    """The second time the same queues are there, with a key of its own."""
    first, second = await _ensured(database), await _ensured(database)

    assert first.queues == second.queues
    assert first.key != second.key


async def test_processes_at_once_share_the_example(database: Database) -> None:
    """However many make the example at the same moment, all end with the same queues and none fails."""
    made = await asyncio.gather(*(_ensured(database) for _ in range(4)))

    assert len({tuple(sorted(example.queues.items())) for example in made}) == 1


async def test_somebodys_own_organization_of_that_name_is_used(database: Database) -> None:
    """An organization of that name that somebody made before gets what the example needs."""
    async with database.unit_of_work(OPERATOR) as session:
        await create_organization(session, OPERATOR, name="Mine", slug="acme")

    assert set((await _ensured(database)).queues) == {"emails", "reports"}
