"""The same ground for every schedule: a queue with items that are held, that wait and that have failed.

It is made once by the engine's own verbs, kept in a schema of its own, and put back before each schedule.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, LiteralString, TypeAlias

from tests.fixtures.clock import ClockedDatabase
from tests.model.observed import Observer

from fairlead.db.tenancy import system, tenant
from fairlead.engine.advance import advance
from fairlead.engine.cancel import cancel
from fairlead.engine.claim import Source, claim
from fairlead.engine.enqueue import NewItem
from fairlead.engine.enqueue_limited import enqueue_limited
from fairlead.engine.fail import Failure, fail
from fairlead.engine.reports import Lease
from fairlead.schema.row_security import SYSTEM_ROLE

ORGANIZATION, QUEUE = "o" * 24, "q" * 24
OURS, FLEET = tenant(ORGANIZATION), system("interleavings")
FAILED = ["f1".ljust(24, "0"), "f2".ljust(24, "0")]
HELD = ["h1".ljust(24, "0"), "h2".ljust(24, "0"), "h3".ljust(24, "0")]
WAITING = ["w1".ljust(24, "0"), "w2".ljust(24, "0")]
LEASES = [Lease(ORGANIZATION, item_id, 1, QUEUE) for item_id in reversed(HELD)]
State: TypeAlias = dict[str, Any]
# Limited in queue and organization, with unique and ordering keys; the same, and what is held is being cancelled.
KINDS = ("plain", "limited", "cancelled")

_TABLES = (
    "organizations",
    "queues",
    "queue_items",
    "item_counters",
    "slots",
    "ordering_turns",
    "unique_periods",
    "depth_turns",
)
_EMPTY = """
delete from queue_items; delete from organizations; delete from item_counters; delete from ordering_turns;
delete from audit_events
""".strip()
_DEADLOCKS: LiteralString = "select deadlocks from pg_stat_database where datname = current_database()"


@dataclass(frozen=True)
class Result:
    """What came of some verbs: their answers, what there is then, and how many statements each of them took."""

    answers: list[Any]
    state: State
    statements: list[int] = field(default_factory=list, compare=False)


class Ground:
    """A database with the ground of each kind kept in it, and the `results` that are known already."""

    def __init__(self, url: str) -> None:
        self.observer = Observer(url)
        self.results: dict[tuple[str, ...], Result] = {}
        self._kept: set[str] = set()

    async def lay(self, database: ClockedDatabase, kind: str) -> None:
        """Put the database into the state that every schedule of this kind begins with."""
        if kind in self._kept:
            self._run(_EMPTY, *(_put_back(kind, table) for table in _TABLES))
            return
        limits: dict[str, Any] = {} if kind == "plain" else {"queue": 5, "organization": 4}
        self._run(_EMPTY)
        self.observer.connection.execute(
            "insert into organizations (id, name, slug, max_concurrency) values (%s, 'Ground', 'ground', %s)",
            [ORGANIZATION, limits.get("organization")],
        )
        self.observer.connection.execute(
            "insert into queues (id, organization_id, name, max_concurrency) values (%s, %s, 'ground', %s)",
            [QUEUE, ORGANIZATION, limits.get("queue")],
        )
        await _fill(database, keys=kind != "plain")
        if kind == "cancelled":
            async with database.unit_of_work(OURS) as session:
                await cancel(session, OURS, item_ids=HELD)
        self._keep(kind)

    def state(self) -> State:
        """Return what there is by name: items, but for their places in the order, and every number that is kept."""
        items, counters, slots, notes, periods = self.observer.look()
        assert len({row[0] for row in items}) == len(items), "an item is in one leaf"
        there: State = {f"item {row[0]}": [*row[:-3], *row[-2:]] for row in items}
        for row in counters:
            queue_id = row.pop("queue_id")
            there |= {f"counter {queue_id} {status}": number for status, number in row.items() if number}
        there |= {f"slots {owner} {queue_id}": taken for owner, queue_id, taken in slots}
        there |= {f"note {note}": True for note in notes}
        return there | {f"period {period[:2]}": period[2:] for period in periods}

    def deadlocks(self) -> int:
        """Return how many the server has ended in this database so far."""
        found = self.observer.connection.execute(_DEADLOCKS).fetchone()
        assert found is not None
        return int(found[0])

    def is_blocked(self, process_id: int) -> bool:
        """Tell whether a connection waits for another one's lock."""
        query = "select cardinality(pg_blocking_pids(%s)) > 0"
        return self.observer.connection.execute(query, [process_id]).fetchone() == (True,)

    def close(self) -> None:
        """Close the connection."""
        self.observer.close()

    def _keep(self, kind: str) -> None:
        connection = self.observer.connection
        connection.execute("reset role")
        connection.execute(f"create schema {kind}; grant create, usage on schema {kind} to {SYSTEM_ROLE}")
        connection.execute(f"set role {SYSTEM_ROLE}")
        self._run(*(f"create table {kind}.{table} as table public.{table}" for table in _TABLES))
        self._kept.add(kind)

    def _run(self, *commands: str) -> None:
        self.observer.connection.execute("; ".join(commands).encode())


def _put_back(kind: str, table: str) -> str:
    return f"insert into public.{table} overriding system value table {kind}.{table}"


async def _fill(database: ClockedDatabase, *, keys: bool) -> None:
    """Make the items; with `keys` the failed ones have one unique key, and the last one waits for the first held."""
    unique: dict[str, Any] = {"unique_key": "x", "unique_while": "active"} if keys else {}
    ordered: dict[str, Any] = {"ordering_key": "o"} if keys else {}
    for item_id in FAILED:
        await _enqueue(database, NewItem(item_id, {"number": 0}, **unique))
        await _claim(database)
        async with database.unit_of_work(FLEET) as session:
            await fail(session, FLEET, failures=[Failure(Lease(ORGANIZATION, item_id, 1), "no", give_up=True)])
    first, *others = HELD
    await _enqueue(database, NewItem(first, {"number": 1}, **ordered), *(NewItem(id_, {"number": 1}) for id_ in others))
    await _claim(database)
    await _enqueue(database, NewItem(WAITING[0], {"number": 2}), NewItem(WAITING[1], {"number": 3}, **ordered))


async def _enqueue(database: ClockedDatabase, *items: NewItem) -> None:
    async with database.unit_of_work(OURS) as session:
        await enqueue_limited(session, OURS, queue_id=QUEUE, items=items)
    async with database.unit_of_work(FLEET) as session:
        await advance(session, FLEET, most=100)


async def _claim(database: ClockedDatabase) -> None:
    async with database.unit_of_work(FLEET) as session:
        await claim(session, FLEET, sources=[Source(ORGANIZATION, QUEUE, 100)], worker_id="holder")
