from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant, make_tenant

from fairlead.db.apart import Apart
from fairlead.db.session import Database, SessionMisused
from fairlead.db.statement import Statement

pytestmark = pytest.mark.anyio

_RENAME = Statement("update organizations set name = :name where id = :id")
_NAMES = Statement("select name from organizations order by name")
_FAILS = Statement("select 1 / cast(:zero as integer)")


async def test_each_statement_is_kept(database: Database, ours: Tenant) -> None:
    """Statements follow one another on one session, and an error later on undoes nothing."""
    session = Apart(database, FLEET)
    assert await session.row_count(_RENAME, {"name": "kept", "id": ours.organization_id}) == 1
    with pytest.raises(Exception, match="division by zero"):
        await session.run(_FAILS, {"zero": 0})

    assert await session.run(_NAMES, {}) == [("kept",)]


async def test_each_statement_is_in_its_scope(database: Database, ours: Tenant) -> None:
    """A tenant's session sees its own organization's rows, in every statement."""
    await make_tenant(database)
    session = Apart(database, ours.scope)

    assert [len(await session.run(_NAMES, {})) for _ in range(2)] == [1, 1]


async def test_nothing_else_is_possible(database: Database) -> None:
    """SQLAlchemy's statements and savepoints are refused with a sentence."""
    session = Apart(database, FLEET)
    with pytest.raises(SessionMisused, match="open a unit of work"):
        await session.execute(text("select 1"))
    with pytest.raises(SessionMisused, match="open a unit of work"):
        session.savepoint()
