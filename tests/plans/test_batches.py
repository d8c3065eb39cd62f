"""How much work a batch makes: so many rows for each of its items, whatever the planner believes of the table.

A plan that finds every row by its key may still compare each item of the batch with each other one, where the planner
expects one row: 250,000 comparisons for 500 items. Each verb is called as a program calls it, and undone; then what it
sent is run again under EXPLAIN.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import pytest
from sqlalchemy import make_url
from tests.fixtures.databases import database_of
from tests.fixtures.items import FLEET, claimed, enqueue_some
from tests.fixtures.organizations import Tenant, make_tenant
from tests.plans.explain import most_rows, planning, recorded

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import SystemScope, TenantScope
from fairlead.domain.ids import new_ids
from fairlead.engine.cancel import cancel
from fairlead.engine.claim import WHOLE, Source, Walk, claim
from fairlead.engine.complete import Completion, complete, completed_before
from fairlead.engine.delete import delete
from fairlead.engine.enqueue import NewItem, enqueue
from fairlead.engine.enqueue_limited import enqueue_limited
from fairlead.engine.fail import Failure, fail
from fairlead.engine.release import release
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease
from fairlead.engine.retry import retry
from fairlead.engine.snooze import Snooze, snooze
from fairlead.engine.update import replace_payloads
from fairlead.queries.items import find_items, find_outcome_rules
from fairlead.schema.row_security import APP_ROLE, SYSTEM_ROLE

pytestmark = pytest.mark.anyio
Report: TypeAlias = Callable[[Session, Any, Sequence[Lease]], Awaitable[object]]
Change: TypeAlias = Callable[[Session, TenantScope, Sequence[str]], Awaitable[object]]

BATCH: Final = 200
OTHERS: Final = 2_000  # items of another organization
EACH: Final = 12  # rows that one step of a plan handles for an item, those it throws away among them
WALKS: Final = (Walk(highest=2, lowest=2, above=7), Walk(highest=1))
STATISTICS = pytest.mark.parametrize("statistics", ["new", "new but for the live leaf"])
BOTH_WAYS = pytest.mark.parametrize("generic", [False, True], ids=["new", "prepared"])

REPORTS: Final[dict[str, Report]] = {
    "renew": lambda s, scope, leases: renew(
        s, scope, leases=leases, lease_seconds=90, progress={leases[0].id: {"a": 1}}
    ),
    "complete": lambda s, scope, leases: complete(s, scope, completions=[Completion(lease, 1) for lease in leases]),
    "fail": lambda s, scope, leases: fail(s, scope, failures=[Failure(lease, "no") for lease in leases]),
    "give up": lambda s, scope, leases: fail(s, scope, failures=[Failure(one, "no", give_up=True) for one in leases]),
    "snooze": lambda s, scope, leases: snooze(s, scope, snoozes=[Snooze(lease, 60) for lease in leases]),
    "release": lambda s, scope, leases: release(s, scope, leases=leases),
}
OF_WAITING: Final[dict[str, Change]] = {
    "cancel": lambda s, scope, ids: cancel(s, scope, item_ids=ids),
    "delete": lambda s, scope, ids: delete(s, scope, item_ids=ids),
    "replace": lambda s, scope, ids: replace_payloads(s, scope, payloads={item_id: {"b": 2} for item_id in ids}),
    "read": lambda s, scope, ids: find_items(s, scope, item_ids=ids),
    "rules": lambda s, scope, ids: find_outcome_rules(s, scope, item_ids=ids),
}
OF_FINISHED: Final[dict[str, Change]] = {
    "retry": lambda s, scope, ids: retry(s, scope, item_ids=ids),
    "delete": lambda s, scope, ids: delete(s, scope, item_ids=ids),
    "read": lambda s, scope, ids: find_items(s, scope, item_ids=ids),
    "rules": lambda s, scope, ids: find_outcome_rules(s, scope, item_ids=ids),
}
CLAIMS: Final = {
    "plain": (False, WHOLE),
    "in walks": (False, WALKS),
    "within limits": (True, WHOLE),
    "within limits in walks": (True, WALKS),
}


class UndoneError(Exception):
    """What was done is not to stay."""


class Measure:
    """Does something, undoes it, and looks at the plans of what was sent."""

    def __init__(self, database: Database, superuser_url: str, *, statistics: str, generic: bool) -> None:
        self._database, self._url = database, superuser_url
        self._statistics, self._generic = statistics, generic

    async def rows(self, scope: TenantScope | SystemScope, call: Callable[[Session], Awaitable[object]]) -> int:
        """Return how many rows the busiest step of all the statements handled."""
        with suppress(UndoneError):
            async with self._database.unit_of_work(scope) as session:
                with recorded(session) as sent:
                    assert await call(session), "nothing was done, and nothing is measured"
                raise UndoneError
        role = APP_ROLE if isinstance(scope, TenantScope) else SYSTEM_ROLE
        organization_id = scope.organization_id
        with planning(self._url, role, organization_id=organization_id, statistics=self._statistics) as connection:
            connection.execute(f"set local plan_cache_mode = force_{'generic' if self._generic else 'custom'}_plan")
            return max(most_rows(connection, one, generic=self._generic) for one in sent)


@pytest.fixture
def measure(database: Database, database_url: str, server_url: str, *, statistics: str, generic: bool) -> Measure:
    """Measure in this process's database, with statistics of the live leaf as named."""
    url = make_url(server_url).set(database=database_of(database_url)).render_as_string(hide_password=False)
    return Measure(database, url, statistics=statistics, generic=generic)


@BOTH_WAYS
@STATISTICS
@pytest.mark.parametrize("tenants", [True, False], ids=["app", "system"])
@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("max_concurrency", [None, 1_000], ids=["unlimited", "limited"])
async def test_claims(
    database: Database, measure: Measure, name: str, max_concurrency: int | None, *, tenants: bool
) -> None:
    """A claim's work grows with the items it takes, not with their square."""
    owner = await make_tenant(database, max_concurrency=max_concurrency)
    await enqueue_some(database, owner, BATCH + 1)
    async with database.unit_of_work(FLEET) as session:  # opens its slots
        await claim(session, FLEET, sources=[Source(owner.organization_id, owner.queue_id, 1)], worker_id="w")
    scope = owner.scope if tenants else FLEET
    limited, walks = CLAIMS[name]
    source = Source(owner.organization_id, owner.queue_id, BATCH, walks=walks, limited=limited)
    handled = await measure.rows(scope, lambda session: claim(session, scope, sources=[source], worker_id="w"))
    assert BATCH <= handled <= EACH * BATCH


@BOTH_WAYS
@STATISTICS
@pytest.mark.parametrize("tenants", [True, False], ids=["app", "system"])
@pytest.mark.parametrize("name", REPORTS)
async def test_reports(database: Database, ours: Tenant, measure: Measure, name: str, *, tenants: bool) -> None:
    """What is said of many leases is work for each of them once."""
    leases = await claimed(database, ours, BATCH)
    scope = ours.scope if tenants else FLEET
    assert BATCH <= await measure.rows(scope, lambda session: REPORTS[name](session, scope, leases)) <= EACH * BATCH


@BOTH_WAYS
@STATISTICS
@pytest.mark.parametrize("tenants", [True, False], ids=["app", "system"])
async def test_repeated_reports(database: Database, ours: Tenant, measure: Measure, *, tenants: bool) -> None:
    """Whether leases had been completed before is looked up for each of them once."""
    leases = await claimed(database, ours, BATCH)
    scope = ours.scope if tenants else FLEET
    async with database.unit_of_work(scope) as session:
        await complete(session, scope, completions=[Completion(lease) for lease in leases])
    handled = await measure.rows(scope, lambda session: completed_before(session, scope, leases=leases))
    assert BATCH <= handled <= EACH * BATCH


@BOTH_WAYS
@STATISTICS
@pytest.mark.parametrize("name", OF_WAITING)
async def test_waiting_items(database: Database, ours: Tenant, measure: Measure, name: str) -> None:
    """What an organization does to many items that wait is work for each of them once."""
    ids = await enqueue_some(database, ours, BATCH)
    handled = await measure.rows(ours.scope, lambda session: OF_WAITING[name](session, ours.scope, ids))
    assert BATCH <= handled <= EACH * BATCH


async def _failed(database: Database, owner: Tenant, count: int) -> list[str]:
    """Let an organization have so many items that failed; return their ids."""
    leases = await claimed(database, owner, count)
    async with database.unit_of_work(FLEET) as session:
        await fail(session, FLEET, failures=[Failure(lease, "no", give_up=True) for lease in leases])
    return [lease.id for lease in leases]


@BOTH_WAYS
@STATISTICS
@pytest.mark.parametrize("name", OF_FINISHED)
async def test_finished_items(database: Database, ours: Tenant, theirs: Tenant, measure: Measure, name: str) -> None:
    """What an organization does to many items that are finished is work for each of them once.

    In a leaf of a few pages every index is as good as any other, and one has to lead to the organization only.
    """
    await _failed(database, theirs, OTHERS)
    ids = await _failed(database, ours, BATCH)
    handled = await measure.rows(ours.scope, lambda session: OF_FINISHED[name](session, ours.scope, ids))
    assert BATCH <= handled <= EACH * BATCH


@BOTH_WAYS
@STATISTICS
@pytest.mark.parametrize("unique", [False, True], ids=["plain", "unique"])
async def test_enqueues(database: Database, ours: Tenant, measure: Measure, *, unique: bool) -> None:
    """Items that enter are work for each of them once, those with unique keys too."""
    await enqueue_some(database, ours, BATCH)
    items = [NewItem(id=item_id, payload={}) for item_id in new_ids(BATCH)]
    if unique:
        items = [item._replace(unique_key=item.id, unique_seconds=60) for item in items]
    enter = enqueue_limited if unique else enqueue
    handled = await measure.rows(
        ours.scope, lambda session: enter(session, ours.scope, queue_id=ours.queue_id, items=items)
    )
    assert BATCH <= handled <= EACH * BATCH
