"""Counters and slots are what the items say, whatever is killed and in whatever order things happen."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

import psycopg
import pytest
from tests.fixtures.accounts import differences
from tests.fixtures.failing import everything_in
from tests.fixtures.items import FLEET, claimed, enqueue_some, expire
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell
from tests.fixtures.statements import server_process

from fairlead.db.session import Database, Session
from fairlead.domain.ids import new_id, new_ids
from fairlead.engine.advance import advance
from fairlead.engine.cancel import cancel
from fairlead.engine.claim import Source, claim
from fairlead.engine.complete import Completion, complete
from fairlead.engine.delete import delete
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.enqueue import NewItem, enqueue
from fairlead.engine.enqueue_limited import enqueue_limited
from fairlead.engine.fail import Failure, fail
from fairlead.engine.fold import fold, recount
from fairlead.engine.promote import promote
from fairlead.engine.prune import prune
from fairlead.engine.reconcile import reconcile
from fairlead.engine.release import release
from fairlead.engine.reports import Lease
from fairlead.engine.rescue import rescue
from fairlead.engine.retry import retry
from fairlead.engine.snooze import Snooze, snooze
from fairlead.errors import DatabaseUnavailable, FairleadError

pytestmark = pytest.mark.anyio

Thing = TypeVar("Thing")
Verb: TypeAlias = Callable[[Session, Tenant, "Things"], Awaitable[object]]


class Things:
    """What the verbs are given: some of all leases ever granted and of all items, or, when `whole`, all of them."""

    def __init__(self, seed: int, *, whole: bool = False) -> None:
        self.whole = whole
        self.chance = random.Random(seed)  # noqa: S311 - a repeatable order
        self.ids: list[str] = []
        self.leases: list[Lease] = []

    def some_leases(self) -> list[Lease]:
        """Leases, current and lost ones."""
        return self._some(self.leases)

    def some_ids(self) -> list[str]:
        """Items, in whatever status."""
        return self._some(self.ids)

    def _some(self, things: list[Thing]) -> list[Thing]:
        most = len(things) if self.whole else self.chance.randint(1, 8)
        return self.chance.sample(things, min(len(things), most))


def _new(things: Things, **given: Any) -> list[NewItem]:
    ids = new_ids(things.chance.randint(1, 5))
    things.ids += ids
    return [NewItem(id=item_id, payload={}, max_attempts=2, **given) for item_id in ids]


async def _claim(session: Session, owner: Tenant, things: Things) -> object:
    sources = [Source(owner.organization_id, owner.queue_id, things.chance.randint(1, 8))]
    items = await claim(session, FLEET, sources=sources, worker_id="w")
    things.leases += [item.lease for item in items]
    return items


VERBS: Final[dict[str, Verb]] = {
    "enqueue": lambda s, o, t: enqueue(s, o.scope, queue_id=o.queue_id, items=_new(t)),
    "enqueue for later": lambda s, o, t: enqueue(s, o.scope, queue_id=o.queue_id, items=_new(t, delay_seconds=0.01)),
    "enqueue in an order": lambda s, o, t: enqueue(s, o.scope, queue_id=o.queue_id, items=_new(t, ordering_key="a")),
    "enqueue unique": lambda s, o, t: enqueue_limited(
        s, o.scope, queue_id=o.queue_id, items=_new(t, unique_key=new_id(), unique_while="active")
    ),
    "claim": _claim,
    "complete": lambda s, _, t: complete(s, FLEET, completions=[Completion(lease) for lease in t.some_leases()]),
    "fail": lambda s, _, t: fail(s, FLEET, failures=[Failure(lease, "no") for lease in t.some_leases()]),
    "snooze": lambda s, _, t: snooze(s, FLEET, snoozes=[Snooze(lease, 0.01) for lease in t.some_leases()]),
    "release": lambda s, _, t: release(s, FLEET, leases=t.some_leases()),
    "cancel": lambda s, o, t: cancel(s, o.scope, item_ids=t.some_ids()),
    "end_cancelled": lambda s, _, t: end_cancelled(s, FLEET, leases=t.some_leases()),
    "retry": lambda s, o, t: retry(s, o.scope, item_ids=t.some_ids()),
    "delete": lambda s, o, t: delete(s, o.scope, item_ids=t.some_ids()),
    "promote": lambda s, _, __: promote(s, FLEET, most=5),
    "advance": lambda s, _, __: advance(s, FLEET, most=5),
    "rescue": lambda s, _, __: rescue(s, FLEET, most=3),
    "prune": lambda s, _, __: prune(s, FLEET, most=3),
    "fold": lambda s, _, __: fold(s, FLEET, most=5),
    "recount": lambda s, o, _: recount(s, o.scope, queue_id=o.queue_id),
    "reconcile": lambda s, _, __: reconcile(s, FLEET),
}
QUIET: Final = {"reconcile"}  # finds nothing to do where all is right


@pytest.fixture
async def limited(database: Database) -> Tenant:
    """A queue with a limit that keeps nothing."""
    return await make_tenant(database, max_concurrency=6, retention_seconds=0)


@pytest.mark.parametrize("seed", range(5))
async def test_any_order_of_verbs_keeps_the_accounts(database: Database, limited: Tenant, seed: int) -> None:
    """After any sequence of verbs, foldings among them, the counters are what counting the items gives."""
    things = Things(seed)
    for step in range(120):
        name = things.chance.choice(sorted(VERBS))
        if name == "rescue":
            await expire(database, *things.some_leases())
        async with database.unit_of_work(FLEET) as session:
            await VERBS[name](session, limited, things)
        if step % 20 == 0:
            assert await differences(database) == [], name
    assert await differences(database) == []


@pytest.mark.parametrize("verb", VERBS)
async def test_a_killed_verb_has_done_nothing(
    database: Database, limited: Tenant, server_url: str, *, verb: str
) -> None:
    """Killed after its last statement and before its commit, a verb leaves every table as it was; then it works."""
    things = await _ready_for_anything(database, limited)
    before = await everything_in(database)
    with pytest.raises(DatabaseUnavailable):
        await _run_and_kill(database, server_url, lambda session: VERBS[verb](session, limited, things))
    assert await everything_in(database) == before

    async with database.unit_of_work(FLEET) as session:
        await VERBS[verb](session, limited, things)
    assert await differences(database) == []
    assert (await everything_in(database) == before) is (verb in QUIET)


@pytest.mark.parametrize("seed", range(3))
async def test_verbs_that_are_killed_at_any_moment_keep_the_accounts(
    database: Database, limited: Tenant, server_url: str, *, seed: int
) -> None:
    """However many verbs are killed in the middle of whatever they do, nothing is counted twice or not at all."""
    things = Things(seed)
    for _ in range(60):
        name = things.chance.choice(sorted(VERBS))
        killed = things.chance.random() < 0.5
        with suppress(FairleadError):
            async with database.unit_of_work(FLEET) as session:
                pid = await server_process(session)
                if killed and things.chance.random() < 0.5:
                    _kill(server_url, pid)
                await VERBS[name](session, limited, things)
                if killed:
                    _kill(server_url, pid)
    assert await differences(database) == []


async def _ready_for_anything(database: Database, owner: Tenant) -> Things:
    """Make items that every verb finds something to do with."""
    things = Things(1, whole=True)
    things.leases = await claimed(database, owner, 4, max_attempts=9)
    done, lost, stopping, _ = things.leases
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(done)])
        await cancel(session, owner.scope, item_ids=[stopping.id])
    await expire(database, lost)
    things.ids = [done.id, *await enqueue_some(database, owner, 2)]
    await enqueue_some(database, owner, delay_seconds=3600.0)
    await tell(database, "update queue_items_live set scheduled_for = statement_timestamp() where not ready")
    await enqueue_some(database, owner, ordering_key="b")
    return things


async def _run_and_kill(database: Database, server_url: str, work: Callable[[Session], Awaitable[object]]) -> None:
    async with database.unit_of_work(FLEET) as session:
        await work(session)
        _kill(server_url, await server_process(session))


def _kill(server_url: str, pid: int) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(%s, 5000)", [pid])
