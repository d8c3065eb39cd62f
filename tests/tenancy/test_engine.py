"""Another organization's items are out of reach of every function of the engine, by each of two walls alone.

`application` leaves only the engine's own checks (the transaction has the fleet's role), `row security` leaves only
the database's (the function is lied to about the scope), `both` is how it runs.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias, get_type_hints

import pytest
from sqlalchemy import text
from tests.fixtures.failing import everything_in
from tests.fixtures.items import FLEET, claim_some, claimed, enqueue_some, expire, rows_of
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell
from tests.fixtures.schedules import be_late, make_schedule

import fairlead.engine
from fairlead.db.session import Database, Session
from fairlead.db.tenancy import Scope, SystemScope, TenantScope
from fairlead.domain.ids import new_id
from fairlead.engine.advance import advance
from fairlead.engine.cancel import cancel
from fairlead.engine.carry_rate import carry_rate
from fairlead.engine.claim import Source, claim
from fairlead.engine.clear import clear, empty, forget
from fairlead.engine.complete import Completion, complete, complete_by_queue, completed_before
from fairlead.engine.delete import delete
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.enqueue import NewItem, enqueue, enqueue_payloads
from fairlead.engine.enqueue_copy import enqueue_copy
from fairlead.engine.enqueue_limited import enqueue_limited, holders_of, room_for
from fairlead.engine.fail import Failure, fail
from fairlead.engine.fold import fold, recount
from fairlead.engine.promote import promote
from fairlead.engine.prune import prune, prune_answers, prune_periods
from fairlead.engine.reconcile import correct_slots, count_late, reconcile, slots_differ
from fairlead.engine.release import release
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease
from fairlead.engine.rescue import rescue
from fairlead.engine.retry import retry
from fairlead.engine.schedule import schedule
from fairlead.engine.snooze import Snooze, snooze
from fairlead.engine.update import replace_payloads, update
from fairlead.errors import NotFound

pytestmark = pytest.mark.anyio

Attack: TypeAlias = Callable[[Session, Scope, "Victim"], Awaitable[object]]

# Functions that take a session and no scope, and why that is right.
WITHOUT_SCOPE = {"run_fenced": "the verbs' shared second half; each verb has left out what is not the scope's before"}


@dataclass(frozen=True)
class Victim:
    """Another organization with one item in every state the engine moves items from."""

    owner: Tenant
    held: Lease
    stopping: Lease
    completed: Lease
    expired: Lease
    waiting: str
    due: str
    blocked: str

    @property
    def ids(self) -> list[str]:
        """Every item."""
        return [
            self.held.id,
            self.stopping.id,
            self.completed.id,
            self.expired.id,
            self.waiting,
            self.due,
            self.blocked,
        ]


async def _advance(session: Session, _scope: Scope, _victim: Victim) -> object:
    read, ready = await advance(session, FLEET, most=100)
    return [read, *ready] if read else []


async def _cancel(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await cancel(session, scope, item_ids=victim.ids)


async def _clear(session: Session, scope: Scope, victim: Victim) -> None:
    assert isinstance(scope, TenantScope)
    await clear(session, scope, queue_id=victim.owner.queue_id)


async def _empty(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await empty(session, scope, queue_id=victim.owner.queue_id) or []


async def _correct_slots(session: Session, _scope: Scope, _victim: Victim) -> object:
    return await correct_slots(session, FLEET)


async def _carry_rate(session: Session, scope: Scope, victim: Victim) -> None:
    assert isinstance(scope, TenantScope)
    await carry_rate(session, scope, queue_id=victim.owner.queue_id, old_seconds=1, period_seconds=60)


async def _count_late(session: Session, scope: Scope, _victim: Victim) -> None:
    await count_late(session, scope)


async def _end_cancelled(session: Session, scope: Scope, victim: Victim) -> object:
    return await end_cancelled(session, scope, leases=[victim.stopping])


async def _enqueue_payloads(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await enqueue_payloads(session, scope, queue_id=victim.owner.queue_id, payloads={new_id(): {}})


async def _enqueue_copy(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await enqueue_copy(session, scope, queue_id=victim.owner.queue_id, items=[NewItem(new_id(), {})])


async def _enqueue_limited(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    items = [
        NewItem(id=new_id(), payload={}, unique_key="x", unique_while="active", ordering_key="y"),
        NewItem(id=new_id(), payload={}, unique_key="x", unique_seconds=60.0),
    ]
    return await enqueue_limited(session, scope, queue_id=victim.owner.queue_id, items=items)


async def _fold(session: Session, _scope: Scope, _victim: Victim) -> object:
    rows, queues = await fold(session, FLEET, most=100)
    return [rows, queues] if rows else []


async def _forget(session: Session, scope: Scope, victim: Victim) -> None:
    await forget(session, scope, organization_id=victim.owner.organization_id)


async def _holders_of(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await holders_of(session, scope, queue_id=victim.owner.queue_id, keys=["theirs", "lasting"])


async def _reconcile(session: Session, _scope: Scope, _victim: Victim) -> object:
    return await reconcile(session, FLEET)


async def _slots_differ(session: Session, _scope: Scope, _victim: Victim) -> object:
    return await slots_differ(session, FLEET) or []


async def _recount(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await recount(session, scope, queue_id=victim.owner.queue_id)


async def _replace_payloads(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await replace_payloads(session, scope, payloads={victim.waiting: {"stolen": True}})


async def _retry(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await retry(session, scope, item_ids=victim.ids)


async def _room_for(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    with suppress(NotFound):
        return await room_for(session, scope, queue_id=victim.owner.queue_id)
    return None


async def _snooze(session: Session, scope: Scope, victim: Victim) -> object:
    return await snooze(session, scope, snoozes=[Snooze(victim.held, 60.0)])


async def _claim(session: Session, scope: Scope, victim: Victim) -> object:
    sources = [Source(victim.owner.organization_id, victim.owner.queue_id, 10)]
    return await claim(session, scope, sources=sources, worker_id="w")


async def _complete(session: Session, scope: Scope, victim: Victim) -> object:
    leases = (victim.held, victim.completed)
    return await complete(session, scope, completions=[Completion(lease, {"stolen": True}) for lease in leases])


async def _complete_by_queue(session: Session, scope: Scope, victim: Victim) -> object:
    return await complete_by_queue(session, scope, completions=[Completion(victim.held, {"stolen": True})])


async def _completed_before(session: Session, scope: Scope, victim: Victim) -> object:
    return await completed_before(session, scope, leases=[victim.completed])


async def _delete(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await delete(session, scope, item_ids=victim.ids)


async def _enqueue(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await enqueue(session, scope, queue_id=victim.owner.queue_id, items=[NewItem(id=new_id(), payload={})])


async def _fail(session: Session, scope: Scope, victim: Victim) -> object:
    return await fail(session, scope, failures=[Failure(victim.held, "sabotage", give_up=True)])


async def _promote(session: Session, _scope: Scope, _victim: Victim) -> object:
    return await promote(session, FLEET, most=100)


async def _prune(session: Session, _scope: Scope, _victim: Victim) -> object:
    return await prune(session, FLEET, most=100) or []


async def _prune_answers(session: Session, _scope: Scope, _victim: Victim) -> object:
    return await prune_answers(session, FLEET, seconds=0, most=100) or []


async def _prune_periods(session: Session, _scope: Scope, _victim: Victim) -> object:
    return await prune_periods(session, FLEET, most=100) or []


async def _release(session: Session, scope: Scope, victim: Victim) -> object:
    return await release(session, scope, leases=[victim.held])


async def _renew(session: Session, scope: Scope, victim: Victim) -> object:
    return await renew(
        session, scope, leases=[victim.held], lease_seconds=3600, progress={victim.held.id: {"stolen": True}}
    )


async def _rescue(session: Session, _scope: Scope, _victim: Victim) -> object:
    return await rescue(session, FLEET, most=100)


async def _update(session: Session, scope: Scope, victim: Victim) -> object:
    assert isinstance(scope, TenantScope)
    return await update(session, scope, item_id=victim.waiting, changes={"payload": {"stolen": True}})


async def _schedule(session: Session, _scope: Scope, _victim: Victim) -> object:
    return sorted((await schedule(session, FLEET, most=100)).queues)


TENANT_ATTACKS: dict[str, Attack] = {
    "cancel": _cancel,
    "carry_rate": _carry_rate,
    "claim": _claim,
    "clear": _clear,
    "complete": _complete,
    "complete_by_queue": _complete_by_queue,
    "completed_before": _completed_before,
    "count_late": _count_late,
    "delete": _delete,
    "empty": _empty,
    "end_cancelled": _end_cancelled,
    "enqueue": _enqueue,
    "enqueue_copy": _enqueue_copy,
    "enqueue_limited": _enqueue_limited,
    "enqueue_payloads": _enqueue_payloads,
    "fail": _fail,
    "forget": _forget,
    "holders_of": _holders_of,
    "recount": _recount,
    "release": _release,
    "renew": _renew,
    "replace_payloads": _replace_payloads,
    "retry": _retry,
    "room_for": _room_for,
    "snooze": _snooze,
    "update": _update,
}
# These take a SystemScope, so for them the application has no organization to check: row security is the only wall.
SYSTEM_ATTACKS: dict[str, Attack] = {
    "advance": _advance,
    "correct_slots": _correct_slots,
    "fold": _fold,
    "promote": _promote,
    "prune": _prune,
    "prune_answers": _prune_answers,
    "prune_periods": _prune_periods,
    "reconcile": _reconcile,
    "rescue": _rescue,
    "schedule": _schedule,
    "slots_differ": _slots_differ,
}
READING = {"completed_before", "holders_of", "slots_differ"}
WITHOUT_ANSWER = {"carry_rate", "clear", "count_late", "forget"}


@pytest.fixture
async def victim(database: Database, theirs: Tenant) -> Victim:
    """The other organization's items."""
    unique = NewItem(id=new_id(), payload={}, unique_key="theirs", unique_while="active")
    async with database.unit_of_work(theirs.scope) as session:
        await enqueue_limited(session, theirs.scope, queue_id=theirs.queue_id, items=[unique])
    held, stopping, completed, expired = await claimed(database, theirs, 3)
    async with database.unit_of_work(theirs.scope) as session:
        await cancel(session, theirs.scope, item_ids=[stopping.id])
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(completed, {"ours": False})])
    await expire(database, expired)
    (due,) = await enqueue_some(database, theirs, delay_seconds=3600.0)
    async with database.unit_of_work(FLEET) as session:
        past = text("update queue_items_live set scheduled_for = now() - interval '1 hour' where not ready")
        await session.execute(past)
    (waiting,) = await enqueue_some(database, theirs)
    await be_late(database, await make_schedule(database, theirs))
    (blocked,) = await enqueue_some(database, theirs, ordering_key="k")
    for past_the_engine in _PAST_THE_ENGINE:
        await tell(database, past_the_engine, queue=theirs.queue_id)
    return Victim(theirs, held, stopping, completed, expired, waiting, due, blocked)


# So that there is a limit, somebody to count late, a period that is over, items that are kept no longer, slots and
# counters that are wrong, and a depth that takes turns.
_PAST_THE_ENGINE = (
    "update queues set max_concurrency = 9, retention_seconds = 0 where id = :queue",
    (
        "insert into unique_periods (organization_id, queue_id, unique_key, item_id, expires_at) "
        "select organization_id, id, 'over', id, statement_timestamp() from queues where id = :queue "
        "union all select organization_id, id, 'lasting', id, 'infinity' from queues where id = :queue"
    ),
    (
        "insert into idempotency_keys (organization_id, route, key, fingerprint, answer) "
        "select organization_id, 'r', 'k', 'f', '' from queues where id = :queue"
    ),
    "update organizations set max_queue_depth = 99 where id in (select organization_id from queues where id = :queue)",
    "insert into slots (organization_id, queue_id, taken) select organization_id, id, 3 from queues where id = :queue",
    (
        "insert into item_counters (organization_id, queue_id, failed) "
        "select organization_id, id, 3 from queues where id = :queue"
    ),
)


def _scopes(mode: str, ours: Tenant, theirs: Tenant) -> tuple[Scope, Scope]:
    """Return the scope that the transaction has and the scope that the function is given."""
    if mode == "application":
        return FLEET, ours.scope
    if mode == "row security":
        return ours.scope, TenantScope(theirs.organization_id)
    return ours.scope, ours.scope


@pytest.mark.parametrize("verb", TENANT_ATTACKS)
@pytest.mark.parametrize("mode", ["application", "row security", "both"])
async def test_another_organizations_items_are_out_of_reach(
    database: Database, ours: Tenant, victim: Victim, verb: str, mode: str
) -> None:
    """Called from the wrong organization a verb reads, changes and counts nothing, whichever wall stands alone."""
    before = await everything_in(database)
    entered, given = _scopes(mode, ours, victim.owner)
    async with database.unit_of_work(entered) as session:
        answer = await TENANT_ATTACKS[verb](session, given, victim)
    assert not answer
    assert await everything_in(database) == before


@pytest.mark.parametrize("verb", SYSTEM_ATTACKS)
async def test_in_a_tenants_transaction_the_fleets_verbs_reach_its_own_items_only(
    database: Database, ours: Tenant, victim: Victim, verb: str
) -> None:
    """Were a verb of the fleet run in a tenant's transaction, row security would still hide everybody else's items."""
    before = await rows_of(database, victim.owner, victim.ids)
    async with database.unit_of_work(ours.scope) as session:
        assert await SYSTEM_ATTACKS[verb](session, FLEET, victim) == []
    assert await rows_of(database, victim.owner, victim.ids) == before


@pytest.mark.parametrize("verb", TENANT_ATTACKS | SYSTEM_ATTACKS)
async def test_the_owner_reaches_its_items(database: Database, victim: Victim, verb: str) -> None:
    """The same calls succeed in the right organization, so that their failure above means something."""
    before = await everything_in(database)
    if verb in {"enqueue", "enqueue_payloads"}:
        await tell(database, "update organizations set max_queue_depth = null")
    scope = FLEET if verb in SYSTEM_ATTACKS else victim.owner.scope
    async with database.unit_of_work(scope) as session:
        answer = await (TENANT_ATTACKS | SYSTEM_ATTACKS)[verb](session, scope, victim)
    assert answer or verb in WITHOUT_ANSWER
    assert (await everything_in(database) == before) is (verb in READING)


async def test_a_batch_of_both_touches_ones_own_only(database: Database, ours: Tenant, victim: Victim) -> None:
    """A tenant's batch that names another one's item completes its own and leaves the other alone."""
    await enqueue_some(database, ours)
    (own,) = await claim_some(database, ours)
    before = await rows_of(database, victim.owner, victim.ids)
    async with database.unit_of_work(ours.scope) as session:
        done = [Completion(victim.held), Completion(own.lease)]
        assert await complete(session, ours.scope, completions=done) == {own.id}
    assert await rows_of(database, victim.owner, victim.ids) == before


async def test_a_foreign_item_under_ones_own_name_is_not_found(
    database: Database, ours: Tenant, victim: Victim
) -> None:
    """Claiming that another one's item is one's own finds nothing: the organization is part of the key."""
    before = await everything_in(database)
    forged = Lease(ours.organization_id, victim.held.id, victim.held.claims)
    async with database.unit_of_work(ours.scope) as session:
        assert await complete(session, ours.scope, completions=[Completion(forged)]) == set()
        assert await fail(session, ours.scope, failures=[Failure(forged, "x")]) == {}
        assert await release(session, ours.scope, leases=[forged]) == set()
        assert await renew(session, ours.scope, leases=[forged], lease_seconds=60) == {}
    assert await everything_in(database) == before


def _public_functions() -> dict[str, Callable[..., Any]]:
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.iter_modules(fairlead.engine.__path__, "fairlead.engine.")
    ]
    return {
        name: function
        for module in modules
        for name, function in vars(module).items()
        if inspect.iscoroutinefunction(function) and function.__module__ == module.__name__ and name[0] != "_"
    }


def test_every_function_with_a_scope_has_a_case() -> None:
    """A verb of the engine without a case here is a hole nobody looked into: add it to the attacks above."""
    functions = _public_functions()
    assert set(functions) - set(WITHOUT_SCOPE) == set(TENANT_ATTACKS) | set(SYSTEM_ATTACKS)


@pytest.mark.parametrize("name", sorted(_public_functions()))
def test_the_scope_says_who_may_call(name: str) -> None:
    """A verb that any tenant may use takes a scope with an organization; one that crosses takes a SystemScope."""
    kinds = [
        hint for hint in get_type_hints(_public_functions()[name]).values() if hint in (Scope, TenantScope, SystemScope)
    ]
    if name in WITHOUT_SCOPE:
        assert kinds == []
    else:
        assert kinds == [SystemScope] if name in SYSTEM_ATTACKS else kinds in ([Scope], [TenantScope])
