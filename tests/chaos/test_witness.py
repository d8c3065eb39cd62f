from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from chaos.history import Expected, read_history, write_expected
from chaos.invariants.leases import lawful_changes
from sqlalchemy import make_url
from tests.fixtures.databases import database_of
from tests.fixtures.items import FLEET, claim_some, enqueue_some
from tests.fixtures.organizations import make_tenant

from chaos import witness
from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database
from fairlead.engine.complete import Completion, complete

pytestmark = pytest.mark.anyio

# Done behind the engine's back, each breaks a promise; with the invariants that must be found broken.
SABOTAGE: dict[str, tuple[str, set[str]]] = {
    "taken from its holder": (
        "update queue_items_live set status = 'waiting', lease_expires_at = null where status = 'processing'",
        {"I4"},
    ),
    "its lease shortened": ("update queue_items_live set lease_expires_at = lease_expires_at - interval '5 s'", {"I4"}),
    "given to another": ("update queue_items_live set claims = claims + 1 where status = 'processing'", {"I4"}),
    "its attempt forgotten": ("update queue_items_live set attempts = 0", {"I5"}),
    "removed while worked on": ("delete from queue_items_live where status = 'processing'", {"I4"}),
    "completed again": ("update queue_items set status = 'failed' where status = 'completed'", {"I4"}),
}


@pytest.fixture
async def witnessed(fresh_url: str, server_url: str) -> str:
    """A superuser's URL of a witnessed database with an item that is completed and one that is worked on."""
    url = make_url(server_url).set(database=database_of(fresh_url)).render_as_string(hide_password=False)
    witness.install(url)
    database = Database(DatabaseOptions(url=fresh_url))
    owner = await make_tenant(database)
    await enqueue_some(database, owner, 2)
    done, _ = await claim_some(database, owner)
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(done)])
    await database.close()
    return url


def _broken(url: str, directory: Path) -> set[str]:
    witness.dump(url, directory)
    write_expected(directory, Expected())
    return {violation.invariant for violation in lawful_changes(read_history(directory))}


async def test_what_the_engine_does_is_lawful(witnessed: str, tmp_path: Path) -> None:
    """The witness sees every change that the verbs make, and each is one of the life cycle."""
    assert _broken(witnessed, tmp_path) == set()
    assert [change.move for change in read_history(tmp_path).changes] == [
        ("", "waiting"),
        ("", "waiting"),
        ("waiting", "processing"),
        ("waiting", "processing"),
        ("processing", "completed"),
    ]
    assert sorted(row.status for row in read_history(tmp_path).rows) == ["completed", "processing"]


@pytest.mark.parametrize("name", SABOTAGE)
async def test_what_is_done_behind_the_engines_back_is_found(witnessed: str, tmp_path: Path, name: str) -> None:
    """Whoever changes an item, the witness sees it in the transaction itself, and the checker judges it."""
    statement, wanted = SABOTAGE[name]
    with psycopg.connect(witnessed, autocommit=True) as connection:
        connection.execute(statement.encode())
    assert _broken(witnessed, tmp_path) == wanted
