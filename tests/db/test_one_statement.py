from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio
import psycopg
import pytest
from anyio.lowlevel import checkpoint
from sqlalchemy import make_url, text
from tests.fixtures.faults import end_connections, refuse_connections
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.statements import opened, value_of
from tests.fixtures.waiting import until_blocked
from tests.fixtures.wire import wired

from fairlead.db.pool import Pooled
from fairlead.db.session import Database, SessionMisused
from fairlead.db.statement import Statement
from fairlead.domain.ids import new_id
from fairlead.errors import Busy, Conflict, DatabaseUnavailable, TransactionConflict, ValidationFailed

pytestmark = pytest.mark.anyio

ADD = Statement("insert into queues (id, organization_id, name) values (:id, :organization_id, :name)")
NAMES = "select coalesce(string_agg(name, ' ' order by name), '') from queues where name <> 'work'"
OPEN = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in %'"
TOUCH = Statement("update queues set description = 'touched' where name = 'work'")
SETTINGS = Statement("""
select current_user, current_setting('fairlead.organization_id', true), current_setting('statement_timeout'),
    current_setting('lock_timeout'), current_setting('transaction_isolation')
""")
_AT_THE_END = """
create function at_the_end() returns trigger language plpgsql as $$ begin {what}; return null; end $$;
create constraint trigger at_the_end after insert on queues deferrable initially deferred
    for each row execute function at_the_end()
"""
_NO_MORE = "drop trigger at_the_end on queues; drop function at_the_end()"


@pytest.fixture
async def lone(database: Database) -> AsyncIterator[Database]:
    """A database with one connection, so that every transaction is on the same."""
    async with opened(database, pool_size=1) as narrow:
        yield narrow


async def _add(database: Database, owner: Tenant, name: str) -> int:
    given = {"id": new_id(), "organization_id": owner.organization_id, "name": name}
    return await database.alone(owner.scope).row_count(ADD, given)


async def _names(database: Database) -> str:
    async with database.unit_of_work(FLEET) as session:
        return str(await value_of(session, NAMES))


async def _backend(database: Database) -> int:
    [(backend,)] = await database.alone(FLEET).run(Statement("select pg_backend_pid()"), {})
    return int(backend)


@contextmanager
def _administration(server_url: str, url: str) -> Iterator[psycopg.Connection[Any]]:
    there = make_url(server_url).set(database=make_url(url).database).render_as_string(hide_password=False)
    with psycopg.connect(there, autocommit=True) as connection:
        yield connection


@contextmanager
def _at_the_end(server_url: str, url: str, what: str) -> Iterator[psycopg.Connection[Any]]:
    """Let every transaction that adds a queue do `what` when it is about to be committed."""
    with _administration(server_url, url) as connection:
        connection.execute(_AT_THE_END.format(what=what).encode())
        try:
            yield connection
        finally:
            connection.execute(_NO_MORE)


def _end_waiting(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "select pg_terminate_backend(l.pid) from pg_locks l join pg_stat_activity a on a.pid = l.pid "
        "where not l.granted and a.datname = current_database()"
    )


async def test_it_is_committed_when_it_has_returned(database: Database, ours: Tenant) -> None:
    """A statement alone says how many rows it changed, and what it changed is there for everybody."""
    assert await _add(database, ours, "new") == 1
    assert await _names(database) == "new"


async def test_it_has_the_settings_of_a_transaction(lone: Database, ours: Tenant) -> None:
    """Role, organization, isolation and time limits are its scope's, and none of them outlives it."""
    seen = await lone.alone(ours.scope).run(SETTINGS, {})
    async with lone.unit_of_work(ours.scope) as session:
        assert list(seen) == list(await session.run(SETTINGS, {}))
    assert seen[0][:2] == ("fairlead_app", ours.organization_id)
    [pooled] = lone._pool._idle
    left = await (await pooled.driver.execute(SETTINGS.driver_text)).fetchone()
    assert left == ("fairlead_tests", "", "0", "0", "read committed")


VALUES = Statement("""
select 1, 2.5::float8, null::text, true, 'ü'::text, '{"a": [1, null]}'::jsonb, '{x,y}'::text[], now()::timestamptz(0),
    :text || '', cast(:number as integer) + 1, cast(:list as text[]), cast(:nothing as text)
from generate_series(1, 2)
""")


@pytest.mark.parametrize("prepare_after", [0, 1, None])
async def test_it_returns_what_a_unit_of_work_returns(database: Database, prepare_after: int | None) -> None:
    """Parameters and rows have the same values and types as inside a unit of work, prepared or not."""
    given = {"text": "it's 100%", "number": 41, "list": ["ä", None], "nothing": None}
    async with opened(database, prepare_after=prepare_after) as other:
        async with other.unit_of_work(FLEET) as session:
            expected = await session.run(VALUES, given)
        for _ in range(4):
            rows = await other.alone(FLEET).run(VALUES, given)
            assert [row[:7] + row[8:] for row in rows] == [row[:7] + row[8:] for row in expected]
            assert [type(value) for row in rows for value in row] == [type(value) for row in expected for value in row]


async def test_parameters_of_other_types(lone: Database) -> None:
    """The same statement takes values of one type and then of another, although it is prepared."""
    which = Statement("select pg_typeof(:value)::text")
    for value, kind in [(1, "smallint"), (70_000, "integer"), (1 << 40, "bigint"), (1, "smallint")] * 8:
        assert await lone.alone(FLEET).run(which, {"value": value}) == [(kind,)]


async def test_more_than_fits_into_the_wire(database: Database) -> None:
    """Megabytes in both directions at once do not make the two ends wait for each other."""
    sent = "x" * 5_000_000
    rows = await database.alone(FLEET).run(
        Statement("select cast(:sent as text) from generate_series(1, 4)"), {"sent": sent}
    )
    assert rows == [(sent,)] * 4


async def test_what_is_refused_changes_nothing(lone: Database, ours: Tenant) -> None:
    """An error of the statement is ours, nothing is kept, and the connection is used again."""
    before = await _backend(lone)
    with pytest.raises(Conflict) as refused:
        await _add(lone, ours, "work")
    assert refused.value.details.keys() == {"name"}
    for unstorable in ("\0", "\ud800"):
        with pytest.raises(ValidationFailed):
            await _add(lone, ours, unstorable)
    assert await _backend(lone) == before
    assert await _names(lone) == ""


async def test_what_is_refused_at_the_commit_changes_nothing(
    lone: Database, ours: Tenant, server_url: str, database_url: str
) -> None:
    """When the server refuses the commit, the error is that refusal, and nothing is kept."""
    with (
        _at_the_end(server_url, database_url, "raise exception 'no' using errcode = '40001'"),
        pytest.raises(TransactionConflict),
    ):
        await _add(lone, ours, "new")
    assert await _names(lone) == ""


async def test_it_is_for_one_statement(database: Database, ours: Tenant) -> None:
    """A second statement, one of SQLAlchemy's and a savepoint are refused: the first is committed already."""
    session = database.alone(ours.scope)
    await session.run(TOUCH, {})
    with pytest.raises(SessionMisused, match="second"):
        await session.row_count(TOUCH, {})
    with pytest.raises(SessionMisused):
        await database.alone(ours.scope).execute(text("select 1"))
    with pytest.raises(SessionMisused):
        async with database.alone(ours.scope).savepoint():
            pytest.fail("the savepoint must not begin")


@pytest.mark.parametrize("noticed", [True, False], ids=["before it is used", "only when it answers"])
async def test_dead_connections_are_replaced(
    database: Database,
    ours: Tenant,
    server_url: str,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    noticed: bool,
) -> None:
    """Connections that died in the pool, one or all of them, are replaced, and the statement is run once."""
    async with opened(database, pool_size=4) as other:
        await asyncio.gather(*(other.alone(FLEET).run(Statement("select 1"), {}) for _ in range(4)))
        assert end_connections(server_url, database_url) >= 4
        if not noticed:
            monkeypatch.setattr(Pooled, "is_fresh", True)
        assert await _add(other, ours, "new") == 1
    assert await _names(database) == "new"


async def _waits_and_is_ended(database: Database, waits: Any, connection: psycopg.Connection[Any]) -> str:
    task = asyncio.ensure_future(waits)
    await until_blocked(database)
    _end_waiting(connection)
    with pytest.raises(DatabaseUnavailable) as lost:
        await task
    return lost.value.message


async def test_a_statement_that_is_ended_changed_nothing(
    database: Database, lone: Database, ours: Tenant, server_url: str, database_url: str
) -> None:
    """When the server ends the connection while the statement runs, nothing was changed and the error says so."""
    with _administration(server_url, database_url) as connection:
        async with database.unit_of_work(FLEET) as holder:
            await value_of(holder, "select id from queues where name = 'work' for update")
            said = await _waits_and_is_ended(database, lone.alone(ours.scope).run(TOUCH, {}), connection)
    assert "nothing was changed" in said
    assert await _add(lone, ours, "next") == 1


async def test_a_commit_that_is_ended_may_have_changed_something(
    database: Database, lone: Database, ours: Tenant, server_url: str, database_url: str
) -> None:
    """When the server ends the connection during the commit, the error does not say that nothing was changed."""
    with _at_the_end(server_url, database_url, "perform pg_advisory_xact_lock(1)") as connection:
        connection.execute("select pg_advisory_lock(1)")
        said = await _waits_and_is_ended(database, _add(lone, ours, "perhaps"), connection)
    assert "nothing was changed" not in said


@pytest.mark.parametrize(("cut", "kept"), [("questions", ""), ("answers", "perhaps")])
async def test_a_lost_answer_is_not_said_to_have_changed_nothing(
    database: Database, ours: Tenant, database_url: str, cut: str, kept: str
) -> None:
    """When the connection breaks without a word, the error says that nobody knows, kept or not."""
    async with wired(database_url) as wire, opened(database, url=wire.url, pool_size=1) as far:
        assert await _backend(far)
        wire.cut = cut
        with pytest.raises(DatabaseUnavailable, match="nobody knows"):
            await _add(far, ours, "perhaps")
        wire.cut = ""
        assert await _names(far) == kept


async def test_a_database_that_is_away(database: Database, ours: Tenant, server_url: str, database_url: str) -> None:
    """When no connection can be made, nothing was changed and the error says so."""
    async with opened(database, pool_size=2) as other:
        refuse_connections(server_url, database_url, refuse=True)
        try:
            with pytest.raises(DatabaseUnavailable, match="nothing was changed"):
                await _add(other, ours, "lost")
        finally:
            refuse_connections(server_url, database_url, refuse=False)
        assert await _add(other, ours, "new") == 1


async def test_a_pool_in_use(database: Database, ours: Tenant) -> None:
    """Whoever finds no free connection in time is told so."""
    async with opened(database, pool_size=1, checkout_timeout_seconds=0.01) as narrow, narrow.unit_of_work(FLEET):
        with pytest.raises(Busy):
            await _add(narrow, ours, "lost")


async def test_a_cancelled_statement_changes_nothing(database: Database, lone: Database, ours: Tenant) -> None:
    """A statement that is cancelled while it runs leaves no change, no lock and no transaction behind."""
    async with database.unit_of_work(FLEET) as holder:
        await value_of(holder, "select id from queues where name = 'work' for update")
        task = asyncio.ensure_future(lone.alone(ours.scope).run(TOUCH, {}))
        await until_blocked(database)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await value_of(holder, OPEN) == 0

    async with lone.unit_of_work(FLEET) as session:
        assert await value_of(session, "select count(*) from queues where description = 'touched'") == 0
        await session.execute(text("select from queues for update nowait"))


@pytest.mark.parametrize("prepare_after", [0, 2])
async def test_a_server_that_forgot_what_it_had_prepared(database: Database, ours: Tenant, prepare_after: int) -> None:
    """When what was prepared is gone, as it may be behind a pooler, the statement is run all the same, once."""
    async with opened(database, pool_size=1, prepare_after=prepare_after) as lone:
        for number in range(8):
            assert await _add(lone, ours, f"{number}") == 1
            if number % 2:
                async with lone.unit_of_work(FLEET) as session:
                    await session._driver.execute("deallocate all", prepare=False)
    assert await _names(database) == "0 1 2 3 4 5 6 7"


@pytest.mark.parametrize(("prepare_after", "prepared"), [(0, 1), (3, 1), (None, 0)])
async def test_preparing_can_be_switched_off(
    database: Database, ours: Tenant, prepare_after: int | None, prepared: int
) -> None:
    """A statement that runs often is prepared once, and never when that is switched off."""
    async with opened(database, pool_size=1, prepare_after=prepare_after) as lone:
        for number in range(6):
            await _add(lone, ours, f"{number}")
        async with lone.unit_of_work(FLEET) as session:
            count = "select count(*) from pg_prepared_statements where statement like 'insert into queues%'"
            assert await value_of(session, count) == prepared


async def _seen_alone(database: Database, owner: Tenant) -> None:
    [(user, organization_id, *_)] = await database.alone(owner.scope).run(SETTINGS, {})
    assert (user, organization_id) == ("fairlead_app", owner.organization_id)


async def test_alternating_organizations_never_meet(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Two thousand turns over two connections, many of them cancelled: each sees its own, nothing stays open."""
    chance = random.Random(20261124)  # noqa: S311 - the same turns in every run
    async with opened(database, pool_size=2) as narrow:

        async def turns(count: int) -> int:
            cancelled = 0
            for number in range(count):
                turn = asyncio.ensure_future(_seen_alone(narrow, (ours, theirs)[number % 2]))
                if chance.random() < 0.3:
                    for _ in range(chance.randint(0, 6)):
                        await checkpoint()
                    turn.cancel()
                with suppress(asyncio.CancelledError):
                    await turn
                cancelled += turn.cancelled()
            return cancelled

        assert sum(await asyncio.gather(*(turns(250) for _ in range(8)))) > 50
        with anyio.fail_after(10):
            await asyncio.gather(*(_seen_alone(narrow, ours) for _ in range(4)))
        async with database.unit_of_work(FLEET) as session:
            assert await value_of(session, OPEN) == 0
