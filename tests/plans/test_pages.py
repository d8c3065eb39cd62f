"""How many pages each statement of the engine looks at on a large table: so many an item it deals with, no more.

A plan may name the right index and read all of it. Each verb is called as a program calls it, and undone; then what it
sent is run again under EXPLAIN, with its own values' plan and with the one for all values, as each role that may.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeAlias

import pytest
from tests.fixtures.databases import as_login, database_of
from tests.plans.explain import pages_read, planning, recorded
from tests.plans.size import SIZE

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database, Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope, SystemScope, TenantScope, system, tenant
from fairlead.domain.ids import new_ids
from fairlead.engine.advance import advance
from fairlead.engine.cancel import cancel
from fairlead.engine.claim import WHOLE, Source, Walk, claim
from fairlead.engine.complete import Completion, complete, completed_before
from fairlead.engine.delete import delete
from fairlead.engine.enqueue import NewItem, enqueue
from fairlead.engine.enqueue_limited import enqueue_limited, holders_of, room_for
from fairlead.engine.fail import Failure, fail
from fairlead.engine.fold import fold
from fairlead.engine.promote import promote
from fairlead.engine.prune import prune, prune_periods
from fairlead.engine.reconcile import reconcile
from fairlead.engine.release import release
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease
from fairlead.engine.rescue import rescue
from fairlead.engine.retry import retry
from fairlead.engine.snooze import Snooze, snooze
from fairlead.engine.update import update
from fairlead.queries.depths import get_depth, get_depths
from fairlead.queries.due_work import find_due_work
from fairlead.queries.items import get_item
from fairlead.queries.ready_sources import ready_sources
from fairlead.schema.row_security import APP_ROLE, SYSTEM_ROLE

pytestmark = pytest.mark.anyio
Call: TypeAlias = Callable[[Session, Any], Awaitable[object]]

HOME = tenant("organization000000000001")  # seed.sql: the one whose queue holds the heavy load
HEAVY, LIMITED = (f"queue{1:017d}{number:02d}" for number in (1, 2))
FLEET = system("tests")
WALKS: Final = (Walk(highest=2, lowest=2, above=7), Walk(highest=1))
HELD: Final = f"key {10 * SIZE.organizations}"
BATCH: Final = 10
SOME: Final = 300  # pages of a statement whatever it deals with: indexes are entered, catalogues are not counted
EACH: Final = 80  # pages an item: found, locked, changed, and entered into every index
BOTH_WAYS = pytest.mark.parametrize("generic", [False, True], ids=["new", "prepared"])


class Case(NamedTuple):
    """A call and how many items, queues or notes it deals with."""

    call: Call
    things: int = BATCH


class UndoneError(Exception):
    """What was done is not to stay."""


def _leases(name: str = "leased", *, width: int = 18) -> list[Lease]:
    """Leases of the first organization's; those of the leased are current."""
    queues = (f"queue{1:017d}{1 + place % 10:02d}" for place in range(BATCH))
    ids = _ids(name, width=width)
    return [Lease(HOME.organization_id, item_id, 1, queue) for item_id, queue in zip(ids, queues, strict=True)]


def _ids(name: str, *, width: int) -> list[str]:
    """Ids of the first organization's items of that name."""
    return [f"{name}{n:0{width}d}" for n in range(0, BATCH * SIZE.organizations, SIZE.organizations)]


def _new() -> list[NewItem]:
    return [NewItem(id=item_id, payload={}) for item_id in new_ids(BATCH)]


def _unique() -> list[NewItem]:
    return [item._replace(unique_key=item.id, unique_seconds=60) for item in _new()]


def _claim(queue_id: str, *, limited: bool = True, walks: Sequence[Walk] = WHOLE) -> Case:
    source = Source(HOME.organization_id, queue_id, BATCH, walks=walks, limited=limited)
    return Case(lambda session, scope: claim(session, scope, sources=[source], worker_id="w"))


async def _nothing_to_correct(session: Session, scope: SystemScope) -> bool:
    return await reconcile(session, scope) == []


ANYBODY: Final = {
    "claim": _claim(HEAVY, limited=False),
    "claim in walks": _claim(HEAVY, limited=False, walks=WALKS),
    "claim within limits": _claim(LIMITED),
    "claim within limits in walks": _claim(LIMITED, walks=WALKS),
    "renew": Case(lambda s, scope: renew(s, scope, leases=_leases(), lease_seconds=90_000)),
    "complete": Case(lambda s, scope: complete(s, scope, completions=[Completion(lease) for lease in _leases()])),
    "completed before": Case(lambda s, scope: completed_before(s, scope, leases=_leases("done", width=20))),
    "fail": Case(lambda s, scope: fail(s, scope, failures=[Failure(lease, "no") for lease in _leases()])),
    "snooze": Case(lambda s, scope: snooze(s, scope, snoozes=[Snooze(lease, 60) for lease in _leases()])),
    "release": Case(lambda s, scope: release(s, scope, leases=_leases())),
}
TENANTS: Final = {
    "enqueue": Case(lambda s, scope: enqueue(s, scope, queue_id=HEAVY, items=_new())),
    "enqueue unique": Case(lambda s, scope: enqueue_limited(s, scope, queue_id=HEAVY, items=_unique())),
    "room": Case(lambda s, scope: room_for(s, scope, queue_id=LIMITED)),
    "holders": Case(lambda s, scope: holders_of(s, scope, queue_id=HEAVY, keys=[HELD, "key 0", "nobody's"])),
    "cancel": Case(lambda s, scope: cancel(s, scope, item_ids=_ids("spread", width=18))),
    "retry": Case(lambda s, scope: retry(s, scope, item_ids=_ids("done", width=20))),
    "delete": Case(
        lambda s, scope: delete(s, scope, item_ids=[*_ids("spread", width=18), *_ids("done", width=20)]), 20
    ),
    "update": Case(lambda s, scope: update(s, scope, item_id=_ids("spread", width=18)[0], changes={"priority": 3}), 1),
    "an item": Case(lambda s, scope: get_item(s, scope, item_id=_ids("done", width=20)[0]), 1),
    "a depth": Case(lambda s, scope: get_depth(s, scope, queue_id=HEAVY), 1),
    "depths": Case(get_depths),
}
FLEETS: Final = {
    "promote": Case(lambda s, scope: promote(s, scope, most=BATCH)),
    "rescue": Case(lambda s, scope: rescue(s, scope, most=BATCH)),
    "advance": Case(lambda s, scope: advance(s, scope, most=BATCH)),
    "prune": Case(lambda s, scope: prune(s, scope, most=BATCH)),
    "prune periods": Case(lambda s, scope: prune_periods(s, scope, most=BATCH)),
    "look": Case(find_due_work, 1),
    "ready sources": Case(
        lambda s, scope: ready_sources(
            s, scope, names=["queue 1", "queue 2"], after="", pivot="", organizations=BATCH, queues=BATCH
        ),
        BATCH * BATCH,
    ),
    # These read the counters of all queues, and all that is being processed, and nothing else.
    "fold": Case(lambda s, scope: fold(s, scope, most=BATCH), 40),
    "reconcile": Case(_nothing_to_correct, 250),
}


@pytest.fixture
async def database(seeded_url: str) -> AsyncIterator[Database]:
    """The seeded database with a pool, as the application's login."""
    opened = Database(DatabaseOptions(url=as_login(seeded_url, database_of(seeded_url)), application_name="tests"))
    yield opened
    await opened.close()


async def _pages(database: Database, seeded_url: str, scope: Scope, call: Call, *, generic: bool) -> int:
    with suppress(UndoneError):
        async with database.unit_of_work(scope) as session:
            with recorded(session) as sent:
                assert await call(session, scope), "nothing was done, and nothing is measured"
            raise UndoneError
    role = APP_ROLE if isinstance(scope, TenantScope) else SYSTEM_ROLE
    with planning(seeded_url, role, organization_id=scope.organization_id, statistics="analyzed") as connection:
        connection.execute(f"set local plan_cache_mode = force_{'generic' if generic else 'custom'}_plan")
        return sum(pages_read(connection, one, generic=generic) for one in sent)


@BOTH_WAYS
@pytest.mark.parametrize("scope", [HOME, FLEET], ids=["app", "system"])
@pytest.mark.parametrize("name", ANYBODY)
async def test_what_a_worker_says_reads_its_items(
    database: Database, seeded_url: str, scope: Scope, name: str, *, generic: bool
) -> None:
    """A claim and an outcome read so many pages an item, as each role, however many items there are."""
    call, things = ANYBODY[name]
    assert await _pages(database, seeded_url, scope, call, generic=generic) <= SOME + EACH * things


@BOTH_WAYS
@pytest.mark.parametrize("name", TENANTS)
async def test_what_an_organization_does_reads_what_it_names(
    database: Database, seeded_url: str, name: str, *, generic: bool
) -> None:
    """An organization's verbs and reads of one thing read so many pages a thing, however many items there are."""
    call, things = TENANTS[name]
    assert await _pages(database, seeded_url, HOME, call, generic=generic) <= SOME + EACH * things


@BOTH_WAYS
@pytest.mark.parametrize("name", FLEETS)
async def test_upkeep_reads_what_is_due(database: Database, seeded_url: str, name: str, *, generic: bool) -> None:
    """A turn of maintenance reads so many pages a thing that is due, however many are not."""
    call, things = FLEETS[name]
    assert await _pages(database, seeded_url, FLEET, call, generic=generic) <= SOME + EACH * things


@BOTH_WAYS
async def test_pages_are_counted(database: Database, seeded_url: str, *, generic: bool) -> None:
    """A statement that reads every item is seen to, so that few pages mean something."""
    every = Statement("select count(*) from queue_items_live where payload <> cast(:payload as jsonb)")
    pages = await _pages(
        database, seeded_url, FLEET, lambda session, _: session.run(every, {"payload": "[]"}), generic=generic
    )
    assert pages > SOME + 2 * EACH * BATCH
