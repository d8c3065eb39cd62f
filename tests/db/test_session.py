from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import psycopg
import pytest
from sqlalchemy import text
from tests.fixtures.faults import end_connections
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.statements import WAYS, Way, opened, value_of
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database, Isolation, Session, SessionMisused
from fairlead.db.statement import Statement
from fairlead.db.tenancy import system
from fairlead.domain.ids import new_id
from fairlead.errors import Conflict, DatabaseUnavailable, FairleadError, TransactionConflict
from fairlead.services.queues import create_queue

pytestmark = pytest.mark.anyio

EACH_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
ADD = "insert into queues (id, organization_id, name) values (:id, :organization_id, :name)"
NAMES = "select coalesce(string_agg(name, ' ' order by name), '') from queues where name <> 'work'"


class _FailedError(Exception):
    """Something that has nothing to do with the database."""


@pytest.fixture
async def lone(database: Database) -> AsyncIterator[Database]:
    """A database with one connection, so that every transaction is on the same."""
    async with opened(database, pool_size=1) as narrow:
        yield narrow


async def _add(session: Session, owner: Tenant, name: str, way: Way = WAYS["run"]) -> None:
    await way(session, ADD, id=new_id(), organization_id=owner.organization_id, name=name)


async def _names(database: Database) -> str:
    async with database.unit_of_work(FLEET) as session:
        return str(await value_of(session, NAMES))


async def _fail_in_a_savepoint(session: Session, owner: Tenant) -> None:
    async with session.savepoint():
        await _add(session, owner, "inside")
        raise _FailedError


async def test_a_savepoint_undoes_only_its_block(database: Database, ours: Tenant) -> None:
    """What was done before the block and after it is kept when the block raises; what the block did is not."""
    async with database.unit_of_work(ours.scope) as session:
        await _add(session, ours, "before")
        with pytest.raises(_FailedError):
            await _fail_in_a_savepoint(session, ours)
        await _add(session, ours, "later")

    assert await _names(database) == "before later"


@EACH_WAY
async def test_what_is_caught_is_one_of_our_errors(database: Database, ours: Tenant, way: Way) -> None:
    """An error of the database is translated where it occurs: inside a transaction it can be caught by its kind."""
    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(Conflict) as refused:
            async with session.savepoint():
                await _add(session, ours, "work", way)
        await _add(session, ours, "another")

    assert refused.value.details.keys() == {"name"}
    assert await _names(database) == "another"


async def _random_tree(session: Session, owner: Tenant, chance: random.Random, kept: list[str], depth: int) -> None:
    """Add queues in savepoints within savepoints, some of which fail; `kept` is what must be left of it."""
    for _ in range(chance.randint(1, 3)):
        name = f"{chance.getrandbits(64):x}"
        await _add(session, owner, name)
        kept.append(name)
        if depth == 0:
            continue
        inner: list[str] = []
        with suppress(FairleadError, _FailedError):
            async with session.savepoint():
                await _random_tree(session, owner, chance, inner, depth - 1)
                match chance.randrange(4):
                    case 0:
                        raise _FailedError
                    case 1:
                        await _add(session, owner, "work")
                kept.extend(inner)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("prepare_after", [0, 2, None])
async def test_savepoints_nest(database: Database, ours: Tenant, seed: int, prepare_after: int | None) -> None:
    """However deep savepoints nest, an error undoes its block with all that was in it, and nothing else."""
    kept: list[str] = []
    async with (
        opened(database, prepare_after=prepare_after) as other,
        other.unit_of_work(ours.scope) as session,
    ):
        await _random_tree(session, ours, random.Random(seed), kept, depth=3)  # noqa: S311 - the same each run

    assert (await _names(database)).split() == sorted(kept)


@pytest.mark.parametrize(("prepare_after", "prepared"), [(0, True), (3, True), (None, False)])
async def test_savepoints_and_prepared_statements(
    lone: Database, ours: Tenant, prepare_after: int | None, *, prepared: bool
) -> None:
    """A text that runs many times, now and then in a block that is undone, works prepared by the server and not."""
    count = "select count(*) from pg_prepared_statements where statement like 'insert into queues%'"
    seen = []
    async with opened(lone, prepare_after=prepare_after) as other:
        for turn in range(3):
            async with other.unit_of_work(ours.scope) as session:
                for number in range(10):
                    with suppress(Conflict):
                        async with session.savepoint():
                            await _add(session, ours, f"{turn}-{number}")
                            seen.append(await value_of(session, count))
                            if number % 4 == 3:
                                await _add(session, ours, "work")

    assert (max(seen) > 0) is prepared
    assert (await _names(lone)).split() == [f"{turn}-{n}" for turn in range(3) for n in range(10) if n % 4 != 3]


@EACH_WAY
@pytest.mark.parametrize("name", ["work", "\ud800", "\0"], ids=["the server's", "the driver's", "another of its"])
async def test_an_ignored_error_is_not_committed(database: Database, ours: Tenant, way: Way, name: str) -> None:
    """Whoever swallows an error of a statement inside a unit of work is told so, and nothing of it is kept."""

    async def ignores() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await _add(session, ours, "before")
            with suppress(FairleadError):
                await _add(session, ours, name, way)

    with pytest.raises(SessionMisused):
        await ignores()
    assert await _names(database) == ""


@pytest.mark.parametrize("name", ["work", "\0"], ids=["the server's", "the driver's"])
async def test_an_error_ignored_inside_a_savepoint_undoes_it(database: Database, ours: Tenant, name: str) -> None:
    """A block that swallowed an error has failed all the same: it is undone, it raises, and the transaction goes on."""

    async def ignores(session: Session) -> None:
        async with session.savepoint():
            await _add(session, ours, "inside")
            with suppress(FairleadError):
                await _add(session, ours, name)

    async with database.unit_of_work(ours.scope) as session:
        await _add(session, ours, "before")
        with pytest.raises(SessionMisused):
            await ignores(session)
        await _add(session, ours, "later")

    assert await _names(database) == "before later"


async def test_a_savepoint_does_not_heal_what_failed_before_it(database: Database, ours: Tenant) -> None:
    """After an error that was ignored outside of it, a savepoint does not even begin."""

    async def ignores() -> None:
        async with database.unit_of_work(ours.scope) as session:
            with suppress(FairleadError):
                await _add(session, ours, "\0")
            with pytest.raises(SessionMisused):
                await _fail_in_a_savepoint(session, ours)

    with pytest.raises(SessionMisused):
        await ignores()


async def test_a_cancelled_savepoint_is_the_end(lone: Database, ours: Tenant) -> None:
    """A time limit around a savepoint that is swallowed inside the transaction leaves nothing of it to be committed."""

    async def ignores() -> None:
        async with lone.unit_of_work(ours.scope) as session:
            await _add(session, ours, "before")
            with anyio.CancelScope() as limit:
                async with session.savepoint():
                    await _add(session, ours, "inside")
                    limit.cancel()
                    await anyio.lowlevel.checkpoint()

    with pytest.raises(SessionMisused):
        await ignores()
    assert await _names(lone) == ""


@pytest.mark.parametrize("waiting", [False, True], ids=["between statements", "in a statement"])
async def test_a_cancellation_gives_the_connection_back_clean(
    database: Database, lone: Database, ours: Tenant, *, waiting: bool
) -> None:
    """A transaction cancelled inside nested savepoints leaves no row, lock, setting or open transaction behind."""
    lock = "select id from queues where name = 'work' for update"
    inside = anyio.Event()

    async def works() -> None:
        async with lone.unit_of_work(ours.scope) as session, session.savepoint():
            await _add(session, ours, "outer")
            async with session.savepoint():
                await _add(session, ours, "inner")
                inside.set()
                if waiting:
                    await value_of(session, lock)
                else:
                    await anyio.sleep_forever()

    async with database.unit_of_work(FLEET) as holder, anyio.create_task_group() as tasks:
        if waiting:
            await value_of(holder, lock)
        tasks.start_soon(works)
        await inside.wait()
        if waiting:
            await until_blocked(database)
        tasks.cancel_scope.cancel()

    async with lone.unit_of_work(FLEET) as session:
        assert await value_of(session, NAMES) == ""
        await session.execute(text("select from queues for update nowait"))
    async with database.unit_of_work(FLEET) as session:
        open_ones = (
            "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in %'"
        )
        assert await value_of(session, open_ones) == 0
    async with lone.unit_of_work(ours.scope) as session:
        await _add(session, ours, "next")
    assert await _names(lone) == "next"


async def test_a_connection_lost_inside_a_savepoint(
    database: Database, ours: Tenant, server_url: str, database_url: str
) -> None:
    """When the connection is lost inside a savepoint, our error says so, there and, if it is ignored, at the end."""
    caught: list[Exception] = []

    async def ignores() -> None:
        async with database.unit_of_work(ours.scope) as session:
            try:
                async with session.savepoint(), session.savepoint():
                    end_connections(server_url, database_url)
                    await _add(session, ours, "lost")
            except Exception as error:  # noqa: BLE001 - whatever it is
                caught.append(error)

    with pytest.raises(DatabaseUnavailable, match="nothing was changed"):
        await ignores()
    assert [type(error) for error in caught] == [DatabaseUnavailable]
    assert await _names(database) == ""


async def _seen_twice(database: Database, owner: Tenant, isolation: Isolation) -> tuple[str, str]:
    async with database.unit_of_work(owner.scope, isolation=isolation) as session:
        first = str(await value_of(session, NAMES))
        async with database.unit_of_work(owner.scope) as other:
            await _add(other, owner, "new")
        return first, str(await value_of(session, NAMES))


@pytest.mark.parametrize(
    ("isolation", "second"), [("read committed", "new"), ("repeatable read", ""), ("serializable", "")]
)
async def test_one_snapshot(database: Database, ours: Tenant, isolation: Isolation, second: str) -> None:
    """From `repeatable read` on a transaction sees what was there when it began; below, what was committed since."""
    assert await _seen_twice(database, ours, isolation) == ("", second)


async def _write_skew(database: Database, ours: Tenant, theirs: Tenant, isolation: Isolation) -> None:
    """Let two transactions each see that both weigh 2 and then make one of them weigh 1."""
    update = Statement("update organizations set weight = 1 where id = :id")
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update organizations set weight = 2"))
    async with (
        database.unit_of_work(FLEET, isolation=isolation) as one,
        database.unit_of_work(FLEET, isolation=isolation) as two,
    ):
        for session, owner in ((one, ours), (two, theirs)):
            assert await value_of(session, "select sum(weight) from organizations") == 4
            await session.run(update, {"id": owner.organization_id})


async def test_serializable_refuses_write_skew(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Two transactions that each decide by what the other changes cannot both be: one ends in TransactionConflict."""
    with pytest.raises(TransactionConflict):
        await _write_skew(database, ours, theirs, "serializable")

    async with database.unit_of_work(FLEET) as session:
        assert await value_of(session, "select sum(weight) from organizations") == 3


async def test_below_serializable_write_skew_happens(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Under `repeatable read` both are committed, which is what `serializable` is for."""
    await _write_skew(database, ours, theirs, "repeatable read")

    async with database.unit_of_work(FLEET) as session:
        assert await value_of(session, "select sum(weight) from organizations") == 2


LEVELS: tuple[Isolation, ...] = ("read committed", "repeatable read", "serializable")


@pytest.mark.parametrize("end", ["commits", "fails", "is cancelled"])
async def test_isolation_is_one_transactions_own(lone: Database, ours: Tenant, end: str) -> None:
    """Each transaction has the isolation it was opened with, whatever the one before it on the connection had."""
    seen: list[tuple[Isolation, str, str]] = []
    for isolation in (*LEVELS, *LEVELS[::-1], "read committed"):
        with anyio.CancelScope() as scope, suppress(_FailedError):
            async with lone.unit_of_work(ours.scope, isolation=isolation) as session:
                first = await value_of(session, "select current_setting('transaction_isolation')")
                default = await value_of(session, "select current_setting('default_transaction_isolation')")
                seen.append((isolation, str(first), str(default)))
                if end == "fails":
                    raise _FailedError
                if end == "is cancelled":
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()

    assert [(isolation, first) for isolation, first, _ in seen] == [(isolation, isolation) for isolation, _, _ in seen]
    assert {default for *_, default in seen} == {"read committed"}
    assert len(seen) == 7


async def test_a_lost_commit_is_not_said_to_have_changed_nothing(
    database: Database, ours: Tenant, server_url: str, database_url: str
) -> None:
    """When the connection is lost before the commit was answered, the error does not say that nothing was changed."""

    async def loses() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await _add(session, ours, "perhaps")
            end_connections(server_url, database_url)

    with pytest.raises(DatabaseUnavailable) as lost:
        await loses()
    assert "nothing was changed" not in lost.value.message


async def test_an_ended_session_is_of_no_use(database: Database, ours: Tenant) -> None:
    """After its unit of work a session runs nothing more, wherever its connection is used meanwhile."""
    async with database.unit_of_work(ours.scope) as session:
        pass
    async with database.unit_of_work(system("somebody else's transaction")):
        for use in (session.execute(text("select 1")), session.run(Statement("select 1"), {})):
            with pytest.raises(SessionMisused, match="ended"):
                await use
        with pytest.raises(SessionMisused, match="ended"):
            async with session.savepoint():
                pytest.fail("the savepoint must not begin")


async def test_a_session_belongs_to_one_task(database: Database, ours: Tenant) -> None:
    """Another task's statements would fall into this one's savepoints, and be undone with them: they are refused."""
    async with database.unit_of_work(ours.scope) as session:
        answers = await asyncio.gather(
            session.execute(text("select 1")), session.run(Statement("select 1"), {}), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [SessionMisused, SessionMisused]
        assert (await session.execute(text("select 1"))).scalar_one() == 1


async def test_ones_own_errors_stay_ones_own(database: Database, ours: Tenant) -> None:
    """What the caller's code raises inside the block is not taken for the database's, whatever it looks like."""
    for mine in (ConnectionRefusedError("my mail server"), psycopg.OperationalError("my other database")):
        with pytest.raises(type(mine)) as raised:
            async with database.unit_of_work(ours.scope):
                raise mine
        assert raised.value is mine


async def _ignore_a_conflict(database: Database, ours: Tenant) -> None:
    async with database.unit_of_work(ours.scope) as session:
        with suppress(Conflict):
            await create_queue(session, ours.scope, name="work")  # is there already
        with pytest.raises(SessionMisused, match="Conflict"):
            await session.execute(text("select 1"))


async def test_what_was_ignored_is_named(database: Database, ours: Tenant) -> None:
    """Whoever ignores an error is told which, and what to do; nothing is committed, and nothing more is run."""
    with pytest.raises(SessionMisused, match=r"Conflict .*nothing is committed.*session\.savepoint"):
        await _ignore_a_conflict(database, ours)
