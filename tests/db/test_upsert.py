from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell
from tests.fixtures.sent import sent_by
from tests.fixtures.statements import walk_tables
from tests.fixtures.waiting import until_blocked

from fairlead.db.rows import get_row, insert_row
from fairlead.db.session import Database, Isolation, Session
from fairlead.db.tenancy import Scope
from fairlead.db.upsert import Upserted, upsert_rows
from fairlead.domain.ids import new_id
from fairlead.errors import TransactionConflict
from fairlead.rows import User
from fairlead.schema import User as UserTable

pytestmark = pytest.mark.anyio

ADA, BOB, EVE = "ada@example.org", "bob@example.org", "eve@example.org"


async def _upsert(session: Session, scope: Scope, **names: str) -> dict[str, Upserted[User]]:
    """Upsert users by the part of the address before the @."""
    rows = [{"email": f"{part}@example.org", "name": name} for part, name in names.items()]
    return await upsert_rows(session, scope, UserTable, rows=rows, by="email", model=User)


async def _alone(database: Database, scope: Scope, **names: str) -> dict[str, Upserted[User]]:
    async with database.unit_of_work(scope) as session:
        return await _upsert(session, scope, **names)


async def _make(database: Database, email: str, home: Tenant | None, **values: Any) -> User:
    """Make a user at home somewhere, or nowhere."""
    given = {"id": new_id(), "email": email, "name": "Before", **values}
    given |= {"organization_id": home.organization_id} if home else {}
    async with database.unit_of_work(FLEET) as session:
        return await insert_row(session, FLEET, UserTable, values=given, model=User)


async def _there(database: Database, user_id: str) -> User:
    async with database.unit_of_work(FLEET) as session:
        return await get_row(session, FLEET, UserTable, key={"id": user_id}, model=User, deleted=True)


async def test_what_is_missing_is_made(database: Database, ours: Tenant) -> None:
    """A row whose key nobody has is made in the scope's organization, and had nothing before it."""
    done = await _alone(database, ours.scope, bob="Bob", ada="Ada")

    assert done.keys() == {ADA, BOB}
    for email, name in ((ADA, "Ada"), (BOB, "Bob")):
        before, after = done[email]
        assert before is None
        assert (after.email, after.name, after.organization_id) == (email, name, ours.organization_id)
        assert await _there(database, after.id) == after


async def test_what_is_there_is_changed(database: Database, ours: Tenant) -> None:
    """A row whose key is taken gets the values given, and only those; its time moves, and it is told as it was."""
    there = await _make(database, ADA, ours, image="https://a/b.png", email_verified=True)
    [(before, after)] = (await _alone(database, ours.scope, ada="After")).values()

    assert before == there
    assert after == replace(there, name="After", updated_at=after.updated_at)
    assert after.updated_at > there.updated_at
    assert await _there(database, there.id) == after


async def test_the_same_again_moves_the_time(database: Database, ours: Tenant) -> None:
    """An upsert of what is there already changes nothing but the time, however often it comes."""
    times = []
    for _ in range(3):
        [(_, after)] = (await _alone(database, ours.scope, ada="Ada")).values()
        times.append((after.id, after.created_at, after.updated_at))
    assert len({times[0][:2], *[time[:2] for time in times]}) == 1
    assert [time[2] for time in times] == sorted({time[2] for time in times})


async def test_a_thousand(database: Database, ours: Tenant) -> None:
    """A thousand rows, made and changed, in whatever order, are three statements."""
    half = {f"u{number}": "Before" for number in range(0, 1000, 2)}
    made = await _alone(database, ours.scope, **half)
    both = {f"u{number}": f"After {number}" for number in reversed(range(1000))}

    async with database.unit_of_work(ours.scope) as session:
        with sent_by(session) as sent:
            done = await _upsert(session, ours.scope, **both)

    assert len(sent) == 3, "one inserts, one locks, one changes"
    assert {email: after.name for email, (_, after) in done.items()} == {
        f"{part}@example.org": name for part, name in both.items()
    }
    assert {email: before for email, (before, _) in done.items() if before} == {
        email: after for email, (_, after) in made.items()
    }


@pytest.mark.parametrize("transaction", ["tenant", "fleet"])
async def test_what_is_anothers_stays_out_of_reach(
    database: Database, ours: Tenant, theirs: Tenant, transaction: str
) -> None:
    """A key of another organization, or of nobody's row, is missing from the answer, and its row stays as it is.

    So it is by row security, and by the function's own check where row security would show everything.
    """
    strangers = [await _make(database, ADA, theirs), await _make(database, BOB, None)]
    async with database.unit_of_work(ours.scope if transaction == "tenant" else FLEET) as session:
        done = await _upsert(session, ours.scope, ada="Mine", eve="Eve", bob="Mine")

    assert done.keys() == {EVE}
    assert [await _there(database, stranger.id) for stranger in strangers] == strangers
    assert len(await tell(database, "table users")) == 3


async def test_the_fleet_reaches_every_row(database: Database, theirs: Tenant) -> None:
    """In a SystemScope a row is changed wherever it is, and a new one belongs to nobody."""
    stranger = await _make(database, ADA, theirs)
    done = await _alone(database, FLEET, ada="Ada", bob="Bob")

    assert done[ADA].after.id == stranger.id
    assert done[ADA].after.organization_id == theirs.organization_id
    assert (done[BOB].before, done[BOB].after.organization_id) == (None, None)


async def test_a_soft_deleted_row_is_not_revived(database: Database, ours: Tenant) -> None:
    """The key of a soft-deleted row is free: a new row is made, and the old one stays as it is."""
    async with database.unit_of_work(FLEET) as session:
        gone = (await _upsert(session, FLEET, ada="Old"))[ADA].after
        await session.execute(text("update users set deleted_at = now()"))
    old = await _there(database, gone.id)

    [(before, after)] = (await _alone(database, ours.scope, ada="New")).values()
    assert before is None
    assert after.id != gone.id
    assert await _there(database, gone.id) == old


@pytest.mark.parametrize(
    ("meanwhile", "made"),
    [
        ("delete from users where email = :email", True),
        ("update users set deleted_at = now() where email = :email", True),
        ("update users set email = 'elsewhere@example.org' where email = :email", True),
        ("update users set name = 'Theirs' where email = :email", False),
    ],
)
async def test_a_row_that_goes_away_in_between(database: Database, ours: Tenant, meanwhile: str, *, made: bool) -> None:
    """A row that was there when inserting was tried and is gone when it is to be changed is made after all."""
    there = await _make(database, ADA, ours)
    done: list[Upserted[User]] = []

    async def upserts() -> None:
        done.extend((await _alone(database, ours.scope, ada="Mine")).values())

    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        await session.execute(text("select from users for update"))
        tasks.start_soon(upserts)
        await until_blocked(database)  # it did not insert, and now waits for the row
        await session.execute(text(meanwhile).bindparams(email=ADA))

    [(before, after)] = done
    assert (before is None) is made
    assert (after.id != there.id) is made
    assert after.name == "Mine"


async def test_a_row_that_another_organization_gets_in_between(
    database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """A row that leaves the scope while it is waited for is out of reach."""
    there = await _make(database, ADA, ours)
    done: list[dict[str, Upserted[User]]] = []

    async def upserts() -> None:
        done.append(await _alone(database, ours.scope, ada="Mine"))

    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        await session.execute(text("select from users for update"))
        tasks.start_soon(upserts)
        await until_blocked(database)
        move = "update users set organization_id = :organization_id"
        await session.execute(text(move).bindparams(organization_id=theirs.organization_id))

    assert done == [{}]
    assert (await _there(database, there.id)).name == "Before"


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_what_the_snapshot_cannot_see_is_a_conflict(
    database: Database, ours: Tenant, isolation: Isolation
) -> None:
    """Under a snapshot that is older than the row nobody is told a lie: the transaction has to be tried again."""
    async with database.unit_of_work(ours.scope, isolation=isolation) as session:
        await session.execute(text("select from users"))
        await _alone(database, ours.scope, ada="Theirs")
        with pytest.raises(TransactionConflict):
            async with session.savepoint():
                await _upsert(session, ours.scope, ada="Mine")


async def test_nothing_is_nothing(database: Database, ours: Tenant) -> None:
    """Without rows nothing is asked."""
    assert await _alone(database, ours.scope) == {}


async def test_rows_are_held_in_the_order_of_their_keys(database: Database, ours: Tenant) -> None:
    """While the first row is waited for the last one is still free, wherever they lie: so nobody meets crosswise."""
    last, first = await _make(database, BOB, ours), await _make(database, ADA, ours)

    async def upserts() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await walk_tables(session)
            await _upsert(session, ours.scope, bob="After", ada="After")

    lock = text("select from users where id = :id for update nowait")
    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        await session.execute(lock.bindparams(id=first.id))
        tasks.start_soon(upserts)
        await until_blocked(database)
        await session.execute(lock.bindparams(id=last.id))
