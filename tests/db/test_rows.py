from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields, replace
from datetime import timedelta
from typing import Any, TypeAlias

import anyio
import pytest
from sqlalchemy import select, text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.statements import opened, value_of, walk_tables
from tests.fixtures.waiting import until_blocked

from fairlead.db import rows
from fairlead.db.rows import (
    NOW,
    add_row,
    columns,
    delete_row,
    find_row,
    get_row,
    insert_row,
    lock_row,
    owned,
    read_clock,
    read_rows,
    restore_row,
    soft_delete_row,
    touch_rows,
    update_row,
    visible,
)
from fairlead.db.session import Database, Session
from fairlead.db.tenancy import Scope, tenant
from fairlead.domain.ids import new_id
from fairlead.errors import Busy, Conflict, NotFound
from fairlead.rows import Queue, Role, User
from fairlead.schema import Queue as QueueTable
from fairlead.schema import Role as RoleTable
from fairlead.schema import User as UserTable
from fairlead.schema import Worker as WorkerTable
from fairlead.services.organizations import create_organization
from fairlead.services.roles import create_role

pytestmark = pytest.mark.anyio

Access: TypeAlias = Callable[[Session, Scope, dict[str, Any]], Awaitable[object]]

# Every function that names one row, as a call with nothing but the scope and the key.
NAMING: dict[str, Access] = {
    "get_row": lambda session, scope, key: get_row(session, scope, QueueTable, key=key, model=Queue),
    "lock_row": lambda session, scope, key: lock_row(session, scope, QueueTable, key=key, model=Queue),
    "update_row": lambda session, scope, key: update_row(
        session, scope, QueueTable, key=key, values={"max_attempts": 9}, model=Queue
    ),
    "delete_row": lambda session, scope, key: delete_row(session, scope, QueueTable, key=key, model=Queue),
    "soft_delete_row": lambda session, scope, key: soft_delete_row(session, scope, QueueTable, key=key, model=Queue),
    "restore_row": lambda session, scope, key: restore_row(session, scope, QueueTable, key=key, model=Queue),
}
EACH_NAMING = pytest.mark.parametrize("name", NAMING)


async def _queue(database: Database, owner: Tenant, *, deleted: bool = True) -> Queue:
    async with database.unit_of_work(owner.scope) as session:
        key = {"id": owner.queue_id}
        return await get_row(session, owner.scope, QueueTable, key=key, model=Queue, deleted=deleted)


async def _soft_delete(database: Database, owner: Tenant) -> None:
    async with database.unit_of_work(owner.scope) as session:
        await soft_delete_row(session, owner.scope, QueueTable, key={"id": owner.queue_id}, model=Queue)


def test_every_naming_function_is_tried() -> None:
    """What names one row is in the table above; find_row, which answers None, has its own test."""
    named = {name for name, made in vars(rows).items() if name.endswith("_row") and made.__module__ == rows.__name__}
    assert named - {"find_row", "insert_row", "add_row"} == NAMING.keys()


async def test_a_new_row_comes_back_whole(database: Database, ours: Tenant) -> None:
    """What is inserted comes back with all that the database filled in, and is the same when it is read."""
    values = {"id": new_id(), "name": "new", "max_attempts": 7}
    async with database.unit_of_work(ours.scope) as session:
        made = await insert_row(session, ours.scope, QueueTable, values=values, model=Queue)
        again = await get_row(session, ours.scope, QueueTable, key={"id": values["id"]}, model=Queue)

    assert made == again
    assert (made.name, made.max_attempts, made.organization_id) == ("new", 7, ours.organization_id)
    assert (made.lease_seconds, made.deleted_at) == (30, None)
    assert made.created_at == made.updated_at


@pytest.mark.parametrize("insert", [insert_row, add_row])
async def test_a_new_row_is_ones_own(database: Database, ours: Tenant, theirs: Tenant, insert: Any) -> None:
    """A tenant's new row is its organization's, whatever the values say; the fleet says whose it is."""
    more = {} if insert is add_row else {"model": Queue}
    for scope, name in ((ours.scope, "tenant's"), (FLEET, "fleet's")):
        async with database.unit_of_work(scope) as session:
            values = {"id": new_id(), "name": name, "organization_id": theirs.organization_id}
            await insert(session, scope, QueueTable, values=values, **more)

    async with database.unit_of_work(FLEET) as session:
        made = (await session.execute(text("select name, organization_id from queues where name <> 'work'"))).all()
    assert {tuple(row) for row in made} == {
        ("tenant's", ours.organization_id),
        ("fleet's", theirs.organization_id),
    }


def test_a_tenant_does_not_write_what_is_nobodys() -> None:
    """Values of a table that belongs to no organization are refused in a tenant's scope before they become a row."""
    with pytest.raises(TypeError, match="workers"):
        owned(tenant(new_id()), WorkerTable, {"host": "here"})


@EACH_NAMING
async def test_what_is_anothers_is_not_there(database: Database, ours: Tenant, theirs: Tenant, name: str) -> None:
    """A row of another organization is NotFound and stays as it is, with row security and without its help."""
    before = await _queue(database, theirs)
    for transaction in (ours.scope, FLEET):  # the fleet's role sees all rows: only the function's own check is left
        async with database.unit_of_work(transaction) as session:
            with pytest.raises(NotFound):
                await NAMING[name](session, ours.scope, {"id": theirs.queue_id})
            find = await find_row(session, ours.scope, QueueTable, key={"id": theirs.queue_id}, model=Queue)
            assert find is None

    assert await _queue(database, theirs) == before


@EACH_NAMING
@pytest.mark.parametrize("key", [{"id": "unknown"}, {"id": "\0"}, {"id": "\ud800"}, {"name": "a\0b"}], ids=ascii)
async def test_what_is_not_there(database: Database, ours: Tenant, name: str, key: dict[str, Any]) -> None:
    """A key that names no row is NotFound, one that no row could have too."""
    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(NotFound):
            await NAMING[name](session, ours.scope, key)
        assert await find_row(session, ours.scope, QueueTable, key=key, model=Queue) is None


@pytest.mark.parametrize("name", sorted(NAMING.keys() - {"restore_row"}))
async def test_what_is_soft_deleted_is_not_there(database: Database, ours: Tenant, name: str) -> None:
    """A soft-deleted row is NotFound and is not changed, unless it is asked for."""
    await _soft_delete(database, ours)
    before = await _queue(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(NotFound):
            await NAMING[name](session, ours.scope, {"id": ours.queue_id})
        assert await find_row(session, ours.scope, QueueTable, key={"id": ours.queue_id}, model=Queue) is None

    assert await _queue(database, ours) == before
    assert before.deleted_at is not None


async def test_only_what_is_given_changes(database: Database, ours: Tenant) -> None:
    """An update changes the fields given and `updated_at`, and returns the row as it was and as it is."""
    there = await _queue(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        before, after = await update_row(
            session,
            ours.scope,
            QueueTable,
            key={"id": ours.queue_id},
            values={"name": "renamed", "max_depth": 5},
            model=Queue,
        )

    assert before == there
    assert after == replace(before, name="renamed", max_depth=5, updated_at=after.updated_at)
    assert after.updated_at > before.updated_at
    assert await _queue(database, ours) == after


async def test_nothing_given_changes_nothing(database: Database, ours: Tenant) -> None:
    """An update without values is a read: `updated_at` stays too."""
    there = await _queue(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        key = {"id": ours.queue_id}
        before, after = await update_row(session, ours.scope, QueueTable, key=key, values={}, model=Queue)
    assert there == before == after == await _queue(database, ours)


async def test_updated_at_moves_within_a_transaction(database: Database, ours: Tenant) -> None:
    """Two changes in one transaction have two times, and the database's clock gives them."""
    async with database.unit_of_work(ours.scope) as session:
        times = [await read_clock(session)]
        for attempts in (4, 5):
            values = {"max_attempts": attempts}
            key = {"id": ours.queue_id}
            _, after = await update_row(session, ours.scope, QueueTable, key=key, values=values, model=Queue)
            times.append(after.updated_at)
        times.append(await read_clock(session))
    assert times == sorted(set(times))


async def test_before_is_what_the_change_met(database: Database, ours: Tenant) -> None:
    """Of concurrent updates none loses another's: each one's `before` is the `after` of the one before it."""
    pairs: list[tuple[Queue, Queue]] = []

    async def rename(name: str) -> None:
        async with database.unit_of_work(ours.scope) as session:
            key, values = {"id": ours.queue_id}, {"name": name}
            pairs.append(await update_row(session, ours.scope, QueueTable, key=key, values=values, model=Queue))

    there = await _queue(database, ours)
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(rename, f"name {number}")

    following = {before.name: after for before, after in pairs}
    seen = there
    while seen.name in following:
        seen = following.pop(seen.name)
    assert following == {}
    assert seen == await _queue(database, ours)


async def test_a_row_that_changes_while_it_is_waited_for(database: Database, ours: Tenant) -> None:
    """Who waited for a row that was soft-deleted meanwhile finds it gone, and does not change it."""
    answers: list[object] = []

    async def comes_second() -> None:
        async with database.unit_of_work(ours.scope) as session:
            try:
                answers.append(await NAMING["update_row"](session, ours.scope, {"id": ours.queue_id}))
            except NotFound:
                answers.append(NotFound)

    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        await NAMING["soft_delete_row"](session, ours.scope, {"id": ours.queue_id})
        tasks.start_soon(comes_second)
        await until_blocked(database)

    assert answers == [NotFound]
    assert (await _queue(database, ours)).max_attempts == 3


@pytest.mark.parametrize(("alone", "refers"), [(False, True), (True, False)])
async def test_a_lock(database: Database, ours: Tenant, *, alone: bool, refers: bool) -> None:
    """A locked row is changed by nobody else; rows that refer to it can be written, unless it is held alone."""
    async with database.unit_of_work(ours.scope) as session, opened(database, lock_timeout_seconds=0.05) as hurried:
        key = {"id": ours.queue_id}
        await lock_row(session, ours.scope, QueueTable, key=key, model=Queue, alone=alone)
        async with hurried.unit_of_work(ours.scope) as other:
            with pytest.raises(Busy):
                async with other.savepoint():
                    await NAMING["update_row"](other, ours.scope, key)
        refer = text(
            "insert into schedules (id, organization_id, queue_id, name, cron) "
            "select :id, organization_id, id, 'daily', '0 0 * * *' from queues"
        )
        written = True
        try:
            async with hurried.unit_of_work(ours.scope) as other:
                await other.execute(refer.bindparams(id=new_id()))
        except Busy:
            written = False
    assert written is refers


async def test_what_is_deleted_comes_back_once_more(database: Database, ours: Tenant) -> None:
    """A deleted row is returned as it was, takes along what hangs on it, and is NotFound from then on."""
    there = await _queue(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        gone = await delete_row(session, ours.scope, QueueTable, key={"id": ours.queue_id}, model=Queue)
        with pytest.raises(NotFound):
            await NAMING["delete_row"](session, ours.scope, {"id": ours.queue_id})
    assert gone == there


async def test_soft_delete_and_restore(database: Database, ours: Tenant) -> None:
    """A soft-deleted row keeps everything but the time of its end; restored it is as before, and again it stays so."""
    there = await _queue(database, ours)
    key = {"id": ours.queue_id}
    async with database.unit_of_work(ours.scope) as session:
        before, gone = await soft_delete_row(session, ours.scope, QueueTable, key=key, model=Queue)
        gone_too, back = await restore_row(session, ours.scope, QueueTable, key=key, model=Queue)
        same, unmoved = await restore_row(session, ours.scope, QueueTable, key=key, model=Queue)

    assert (before, gone_too, same) == (there, gone, back)
    assert gone == replace(there, deleted_at=gone.deleted_at, updated_at=gone.updated_at)
    assert gone.deleted_at is not None
    assert gone.deleted_at > there.updated_at
    assert back == replace(there, updated_at=back.updated_at) == unmoved
    assert back.updated_at > gone.updated_at


async def test_a_place_that_was_taken(database: Database, ours: Tenant) -> None:
    """The name of a soft-deleted row is free; when somebody has it, the old row cannot come back."""
    await _soft_delete(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await add_row(session, ours.scope, QueueTable, values={"id": new_id(), "name": "work"})
    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(Conflict) as refused:
            async with session.savepoint():
                await NAMING["restore_row"](session, ours.scope, {"id": ours.queue_id})
    assert refused.value.details.keys() == {"name"}


async def test_shared_rows_are_read_and_not_written(database: Database, ours: Tenant) -> None:
    """A system role can be read in a tenant's scope, and is NotFound for whoever wants to lock, change or delete it."""
    key = {"id": "owner"}
    async with database.unit_of_work(ours.scope) as session:
        assert (await get_row(session, ours.scope, RoleTable, key=key, model=Role)).organization_id is None
        with pytest.raises(NotFound):
            await lock_row(session, ours.scope, RoleTable, key=key, model=Role)
        with pytest.raises(NotFound):
            await update_row(session, ours.scope, RoleTable, key=key, values={"name": "mine"}, model=Role)
        with pytest.raises(NotFound):
            await delete_row(session, ours.scope, RoleTable, key=key, model=Role)


async def test_a_key_may_have_several_columns_and_nulls(database: Database, ours: Tenant) -> None:
    """All columns of a key have to agree, and None is the absence of a value."""
    async with database.unit_of_work(FLEET) as session:
        homeless = {"id": new_id(), "email": "a@example.org", "name": "Ada"}
        at_home = {**homeless, "id": new_id(), "email": "b@example.org", "organization_id": ours.organization_id}
        made = [await insert_row(session, FLEET, UserTable, values=of, model=User) for of in (homeless, at_home)]
        for user in made:
            key = {"name": "Ada", "organization_id": user.organization_id}
            assert await get_row(session, FLEET, UserTable, key=key, model=User) == user


async def test_only_the_fields_asked_for_are_read(database: Database, ours: Tenant) -> None:
    """A row is read as the dataclass it is wanted as, hidden columns never along."""
    assert [column.key for column in columns(RoleTable, Role)] == [field.name for field in fields(Role)]
    assert "owner_scope" not in asdict(Role(*[None] * len(fields(Role))))  # type: ignore[arg-type]  # names matter
    async with database.unit_of_work(ours.scope) as session:
        statement = select(*columns(QueueTable, Queue)).where(*visible(ours.scope, QueueTable))
        assert [queue.id for queue in await read_rows(session, statement, model=Queue)] == [ours.queue_id]


async def test_touching_sets_a_time_and_never_back(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Touched rows have the database's time in the column, one's own only, and a later time there stays."""
    ahead = NOW + timedelta(hours=1)
    ids = [ours.queue_id, theirs.queue_id, new_id()]
    # Under the fleet's role there is no row security: only the function's own check is left.
    for column, transaction in (("paused_at", ours.scope), ("resume_at", FLEET)):
        async with database.unit_of_work(transaction) as session:
            start = await read_clock(session)
            await touch_rows(session, ours.scope, QueueTable, ids=ids, column=column)
        touched = getattr(await _queue(database, ours), column)
        assert timedelta(0) < touched - start < timedelta(minutes=1)
        assert getattr(await _queue(database, theirs), column) is None

    async with database.unit_of_work(ours.scope) as session:
        key, values = {"id": ours.queue_id}, {"paused_at": ahead}
        _, later = await update_row(session, ours.scope, QueueTable, key=key, values=values, model=Queue)
        await touch_rows(session, ours.scope, QueueTable, ids=ids, column="paused_at")
    assert (await _queue(database, ours)).paused_at == later.paused_at


async def test_touching_nothing_is_nothing(database: Database, ours: Tenant) -> None:
    """Without ids nothing is touched."""
    before = await _queue(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await touch_rows(session, ours.scope, QueueTable, ids=[], column="paused_at")
        assert await value_of(session, "select count(*) from queues where paused_at is not null") == 0
    assert await _queue(database, ours) == before


async def test_rows_are_touched_in_the_order_of_their_ids(database: Database, ours: Tenant) -> None:
    """While the first row is waited for the last one is still free, wherever they lie: so nobody meets crosswise."""
    ids = sorted(new_id() for _ in range(2))
    for queue_id in reversed(ids):
        async with database.unit_of_work(ours.scope) as session:
            await add_row(session, ours.scope, QueueTable, values={"id": queue_id, "name": queue_id})

    async def touches() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await walk_tables(session)
            await touch_rows(session, ours.scope, QueueTable, ids=ids, column="paused_at")

    lock = text("select from queues where id = :id for update nowait")
    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        await session.execute(lock.bindparams(id=ids[0]))
        tasks.start_soon(touches)
        await until_blocked(database)
        await session.execute(lock.bindparams(id=ids[1]))


async def test_a_scope_of_the_wrong_kind_is_refused(database: Database, ours: Tenant) -> None:
    """A role made by nobody's organization would be everybody's, and a tenant makes no organizations: both are bugs."""
    async with database.unit_of_work(FLEET) as session:
        with pytest.raises(TypeError, match="TenantScope"):
            await create_role(session, FLEET, name="everybody's", permissions=[])  # type: ignore[arg-type]  # the point
        with pytest.raises(TypeError, match="SystemScope"):
            await create_organization(session, ours.scope, name="x", slug="x")  # type: ignore[arg-type]  # the point
        assert await find_row(session, FLEET, QueueTable, key={"id": 5}, model=Queue) is None
