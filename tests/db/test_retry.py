from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import SimpleNamespace

import anyio
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url, text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.statements import opened, value_of
from tests.fixtures.waiting import until_blocked

from fairlead.db import retry
from fairlead.db.connect import DatabaseOptions
from fairlead.db.retry import transact
from fairlead.db.session import Database, Session
from fairlead.domain.ids import new_id
from fairlead.domain.retry import delay_seconds
from fairlead.errors import Busy, Conflict, DatabaseUnavailable, FairleadError, Locked, TransactionConflict
from fairlead.services.organizations import create_organization

pytestmark = pytest.mark.anyio

RAISE = "do $$ begin raise exception using errcode = '{}'; end $$"

END_COMMIT = """
select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database
where not l.granted and l.locktype = 'advisory' and d.datname = current_database()
"""


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each pause between two tries was meant to be; none of them takes any time."""
    made: list[float] = []

    async def pause(seconds: float) -> None:
        made.append(seconds)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(retry, "asyncio", SimpleNamespace(sleep=pause))
    return made


class Work:
    """Work that fails in the database with one SQLSTATE until it has been tried often enough; it counts its tries."""

    def __init__(self, state: str, *, succeeds_at: int | None = None) -> None:
        self.transactions: list[str] = []
        self._state = state
        self._succeeds_at = succeeds_at

    async def __call__(self, session: Session) -> str:
        """Make an organization and, unless it is time to succeed, fail."""
        self.transactions.append(await value_of(session, "select pg_current_xact_id()::text"))
        made = await create_organization(session, FLEET, name="Made", slug=new_id())
        assert await value_of(session, "select count(*) from organizations") == 1, "an earlier try left something"
        if len(self.transactions) != self._succeeds_at:
            await session.execute(text(RAISE.format(self._state)))
        return made.id


async def _made(database: Database) -> list[str]:
    async with database.unit_of_work(FLEET) as session:
        return list((await session.execute(text("select id from organizations where name = 'Made'"))).scalars())


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_work_is_done_again_from_the_start(database: Database, pauses: list[float], state: str) -> None:
    """After a conflict the work runs again in a fresh transaction; what it returns and leaves is the last try's."""
    work = Work(state, succeeds_at=3)
    made = await transact(database, FLEET, work=work)

    assert len(set(work.transactions)) == 3
    assert await _made(database) == [made]
    assert len(pauses) == 2


@pytest.mark.parametrize("tries", [1, 2, 5])
async def test_tries_are_bounded(database: Database, pauses: list[float], tries: int) -> None:
    """Work that always meets a conflict ends in TransactionConflict after so many tries, without a last pause."""
    work = Work("40001")
    with pytest.raises(TransactionConflict):
        await transact(database, FLEET, work=work, tries=tries)

    assert len(work.transactions) == tries
    assert len(pauses) == tries - 1
    assert await _made(database) == []


async def test_no_try_at_all_is_refused(database: Database) -> None:
    """Less than one try is a mistake of the program, and the work is not begun."""
    work = Work("40001")
    with pytest.raises(ValueError, match="at least 1"):
        await transact(database, FLEET, work=work, tries=0)
    assert work.transactions == []


@given(
    st.integers(min_value=1, max_value=1000),
    st.floats(min_value=0, max_value=1, exclude_max=True),
    st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_a_pause_is_short_and_drawn(attempt: int, chance: float, other: float) -> None:
    """A pause is at most a second, chance decides how much of that it is, and it does not shrink with the tries."""
    drawn, again = (delay_seconds(retry._BACKOFF, attempt, chance=part) for part in (chance, other))
    assert 0 <= drawn <= 1
    assert (drawn < again) == (chance < other) or abs(chance - other) < 1e-9
    assert drawn <= delay_seconds(retry._BACKOFF, attempt + 1, chance=chance)


async def test_pauses_differ(database: Database, pauses: list[float]) -> None:
    """Two who met each other do not wait for the same time: each pause is drawn anew, below its bound."""
    with pytest.raises(TransactionConflict):
        await transact(database, FLEET, work=Work("40001"), tries=12)

    assert len(set(pauses)) == 11
    assert all(0 <= pause <= min(0.02 * 2**number, 1) for number, pause in enumerate(pauses))


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("23505", Conflict),
        ("55P03", Locked),
        ("57014", Busy),
        ("57P01", DatabaseUnavailable),
        ("08006", DatabaseUnavailable),
    ],
)
async def test_nothing_else_is_tried_again(
    database: Database, pauses: list[float], state: str, error: type[FairleadError]
) -> None:
    """Whatever is not a conflict of two transactions ends the work at the first try."""
    work = Work(state)
    with pytest.raises(error) as raised:
        await transact(database, FLEET, work=work)

    assert type(raised.value) is error
    assert (len(work.transactions), pauses) == (1, [])
    assert await _made(database) == []


async def test_an_error_of_the_works_own_is_not_tried_again(database: Database, pauses: list[float]) -> None:
    """What the work raises comes out as it is."""
    tries = 0

    async def work(_session: Session) -> None:
        nonlocal tries
        tries += 1
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await transact(database, FLEET, work=work)
    assert (tries, pauses) == (1, [])


async def test_a_lock_that_is_not_given_is_not_waited_for_again(
    database: Database, ours: Tenant, pauses: list[float]
) -> None:
    """A lock timeout has taken its time already: it ends the work at the first try."""
    tries = 0

    async def work(session: Session) -> None:
        nonlocal tries
        tries += 1
        await session.execute(text("update organizations set weight = 2"))

    async with opened(database, lock_timeout_seconds=0.05) as hurried, database.unit_of_work(FLEET) as holder:
        await holder.execute(text("select from organizations for update"))
        with pytest.raises(Locked):
            await transact(hurried, ours.scope, work=work)

    assert (tries, pauses) == (1, [])


@pytest.mark.parametrize("where", ["in the work", "in the pause"])
async def test_a_cancellation_is_not_tried_again(database: Database, where: str) -> None:
    """Who is cancelled, in the work or while waiting for the next try, does not try again and leaves nothing."""
    tries = 0

    async def work(session: Session) -> None:
        nonlocal tries
        tries += 1
        await create_organization(session, FLEET, name="Made", slug="made")
        scope.cancel()
        if where == "in the work":
            await anyio.lowlevel.checkpoint()
        raise TransactionConflict

    with anyio.CancelScope() as scope:
        await transact(database, FLEET, work=work)

    assert scope.cancelled_caught
    assert tries == 1
    assert await _made(database) == []


async def _both(*works: Callable[[], Coroutine[None, None, None]]) -> None:
    async with anyio.create_task_group() as tasks:
        for work in works:
            tasks.start_soon(work)


class Meeting:
    """A place where both have to be before either goes on; it is held once."""

    def __init__(self) -> None:
        self._here = 0
        self._complete = anyio.Event()

    async def join(self) -> None:
        """Wait for the other."""
        self._here += 1
        if self._here == 2:
            self._complete.set()
        await self._complete.wait()


async def test_a_real_deadlock(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Two transactions that lock the same rows in opposite orders both end well: the one that was ended is repeated."""
    meeting, tries = Meeting(), 0

    async def add(first: Tenant, second: Tenant) -> None:
        async def work(session: Session) -> None:
            nonlocal tries
            tries += 1
            for owner in (first, second):
                heavier = text("update organizations set weight = weight + 1 where id = :id")
                await session.execute(heavier.bindparams(id=owner.organization_id))
                await meeting.join()

        await transact(database, FLEET, work=work)

    await _both(lambda: add(ours, theirs), lambda: add(theirs, ours))

    assert tries == 3
    async with database.unit_of_work(FLEET) as session:
        assert (await session.execute(text("select weight from organizations"))).scalars().all() == [3, 3]


@pytest.mark.parametrize("conflict_at_commit", [False, True])
async def test_a_real_serialization_failure(
    database: Database, ours: Tenant, theirs: Tenant, *, conflict_at_commit: bool
) -> None:
    """Of two transactions that each decide by what the other changes one is repeated, and sees what the other did.

    The database may say so at a statement or only at the commit; both are repeated.
    """
    meeting, seen = Meeting(), []

    async def lighten(owner: Tenant) -> None:
        async def work(session: Session) -> None:
            together = await value_of(session, "select sum(weight) from organizations")
            seen.append(together)
            if not conflict_at_commit:
                await meeting.join()
            lighter = text("update organizations set weight = 1 where id = :id and :together = 4")
            await session.execute(lighter.bindparams(id=owner.organization_id, together=together))
            if conflict_at_commit:
                await meeting.join()

        await transact(database, FLEET, work=work, isolation="serializable")

    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update organizations set weight = 2"))
    await _both(lambda: lighten(ours), lambda: lighten(theirs))

    assert seen == [4, 4, 3]


@pytest.fixture
def gated_url(server_url: str, fresh_url: str) -> str:
    """The URL of a database in which the commit of a new organization waits for whoever holds the gate."""
    superuser = make_url(server_url).set(database=make_url(fresh_url).database).render_as_string(hide_password=False)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(
            "create function public.gate() returns trigger language plpgsql security definer as "
            "$$ begin perform pg_advisory_xact_lock(1); return null; end $$"
        )
        connection.execute(
            "create constraint trigger gate after insert on organizations deferrable initially deferred "
            "for each row execute function public.gate()"
        )
    return fresh_url


async def test_a_commit_that_was_not_answered_is_not_done_again(gated_url: str) -> None:
    """When the connection ends in the middle of the commit nobody knows what became of it, and nothing is repeated."""
    database, tries = Database(DatabaseOptions(url=gated_url, application_name="tests")), 0

    async def work(session: Session) -> None:
        nonlocal tries
        tries += 1
        await create_organization(session, FLEET, name="Made", slug=new_id())

    async def committing() -> None:
        with pytest.raises(DatabaseUnavailable) as lost:
            await transact(database, FLEET, work=work)
        assert "nobody knows" in lost.value.message

    with psycopg.connect(gated_url, autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(1)")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(committing)
            await until_blocked(database)
            assert holder.execute(END_COMMIT).fetchall() == [(True,)]

    assert tries == 1
    await database.close()
