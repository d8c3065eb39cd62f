from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row
from sqlalchemy import create_engine, text

from fairlead import App, Item
from fairlead.db.connect import driver_url
from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.errors import Conflict, FairleadError, NotFound, ValidationFailed
from fairlead.producer import Enqueueing, enqueueing
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import cancel_items
from tests.fixtures.accounts import differences
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell
from tests.fixtures.workers import finished, working

pytestmark = pytest.mark.anyio

_STANDING = """
select current_user, current_setting('role'), coalesce(current_setting('fairlead.organization_id', true), ''),
    current_setting('search_path')
"""
_ENTERED = text("""
select id, payload, priority, tags, cast(status as text) as status
from queue_items where organization_id = :organization_id order by seq
""")


def _of(owner: Tenant, *items: ItemInput) -> Enqueueing:
    return enqueueing(owner.scope, queue_id=owner.queue_id, items=items)


def _run(connection: psycopg.Connection[Any], made: Enqueueing) -> None:
    for statement, parameters in made.statements:
        connection.execute(statement, parameters)


def _enqueue(database: Database, owner: Tenant, *items: ItemInput) -> tuple[str, ...]:
    with psycopg.connect(database.options.url) as connection:
        _run(connection, made := _of(owner, *items))
    return made.ids


def _refused(database: Database, owner: Tenant, *items: ItemInput) -> str | None:
    with pytest.raises(psycopg.Error) as caught:
        _enqueue(database, owner, *items)
    return caught.value.sqlstate


async def _rows(database: Database, owner: Tenant) -> list[Any]:
    async with database.unit_of_work(FLEET) as session:
        return list(await session.execute(_ENTERED.bindparams(organization_id=owner.organization_id)))


async def _payloads(database: Database, owner: Tenant) -> dict[str, Any]:
    return {row.id: row.payload for row in await _rows(database, owner)}


async def test_items_enter_with_what_the_transaction_did(database: Database, ours: Tenant) -> None:
    """What the caller changed and what was enqueued are one transaction: both are kept, in the order given."""
    with psycopg.connect(database.options.url) as connection:
        connection.execute("create temporary table orders (id integer)")
        connection.execute("insert into orders values (1)")
        _run(connection, made := _of(ours, ItemInput({"order": 1}), ItemInput({"order": 2}, priority=3, tags=["new"])))

    assert [tuple(row) for row in await _rows(database, ours)] == [
        (made.ids[0], {"order": 1}, 0, [], "waiting"),
        (made.ids[1], {"order": 2}, 3, ["new"], "waiting"),
    ]
    assert await differences(database) == []


async def test_what_is_rolled_back_was_never_enqueued(database: Database, ours: Tenant) -> None:
    """A transaction that is not committed leaves no item, and no account of one."""
    with psycopg.connect(database.options.url) as connection:
        _run(connection, _of(ours, ItemInput({})))
        connection.rollback()

    assert await _payloads(database, ours) == {}
    assert await differences(database) == []


async def test_the_caller_stands_where_they_stood(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Role, organization and search path come back, though one transaction enqueues for two organizations."""
    with psycopg.connect(database.options.url) as connection:
        connection.execute("set local search_path = pg_temp, public")
        asked = connection.cursor(row_factory=tuple_row)
        before = asked.execute(_STANDING).fetchone()
        for owner in (ours, theirs, ours):
            _run(connection, _of(owner, ItemInput({})))
        assert asked.execute(_STANDING).fetchone() == before

    assert [len(await _payloads(database, owner)) for owner in (ours, theirs)] == [2, 1]


async def test_names_mean_our_tables(database: Database, ours: Tenant) -> None:
    """A caller whose own tables are called as ours, and come first in the search path, enqueues all the same."""
    with psycopg.connect(database.options.url) as connection:
        for table in ("queues", "organizations", "queue_items_live", "item_counters", "depth_turns"):
            connection.execute(f"create temporary table {table} (mine integer)")
        connection.execute("set local search_path = pg_temp, public")
        _run(connection, made := _of(ours, ItemInput({"a": 1})))

    assert await _payloads(database, ours) == {made.ids[0]: {"a": 1}}


async def test_autocommit_is_refused(database: Database, ours: Tenant) -> None:
    """On a connection that commits after each statement the first ones say so, and nothing is enqueued."""
    with psycopg.connect(database.options.url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.NoActiveSqlTransaction, match="in one transaction"):
            _run(connection, _of(ours, ItemInput({})))
        assert await _payloads(database, ours) == {}
        with connection.transaction():
            _run(connection, _of(ours, ItemInput({})))

    assert len(await _payloads(database, ours)) == 1


@pytest.mark.parametrize("whose", ["nobody's", "deleted", "another organization's"])
async def test_no_such_queue(database: Database, ours: Tenant, theirs: Tenant, whose: str) -> None:
    """A queue that is not there, gone or another organization's raises FL404, and nothing can be committed."""
    queue_id = {"nobody's": new_id(), "deleted": ours.queue_id, "another organization's": theirs.queue_id}[whose]
    if whose == "deleted":
        await tell(database, "update queues set deleted_at = statement_timestamp() where id = :id", id=ours.queue_id)

    assert _refused(database, Tenant(ours.organization_id, queue_id), ItemInput({})) == "FL404"
    assert await _payloads(database, ours) == {} == await _payloads(database, theirs)


@pytest.mark.parametrize("limit", ["queue", "organization"])
async def test_a_depth_is_held(database: Database, limit: str) -> None:
    """As many enter as there is room for; one more raises FL429, in the same transaction too."""
    owner = await make_tenant(database, max_depth=2 if limit == "queue" else None)
    if limit == "organization":
        await tell(database, "update organizations set max_queue_depth = 2 where id = :id", id=owner.organization_id)

    assert _refused(database, owner, *[ItemInput({})] * 3) == "FL429"
    _enqueue(database, owner, ItemInput({}))
    assert _refused(database, owner, *[ItemInput({})] * 2) == "FL429"
    _enqueue(database, owner, ItemInput({}))
    assert len(await _payloads(database, owner)) == 2
    assert await differences(database) == []


@pytest.mark.parametrize("held", [{"unique_while": "active"}, {"unique_while": "waiting"}, {"unique_seconds": 60.0}])
async def test_a_unique_key_is_held_once(database: Database, ours: Tenant, held: dict[str, Any]) -> None:
    """A key that somebody holds raises FL409; an item that is content with the holder is left out, others enter."""
    wanted = ItemInput({}, unique_key="a", **held)
    (holder,) = _enqueue(database, ours, wanted)

    assert _refused(database, ours, ItemInput({}), wanted) == "FL409"
    plain, _ = _enqueue(database, ours, ItemInput({}), wanted._replace(on_conflict="return"))
    assert set(await _payloads(database, ours)) == {holder, plain}
    assert await differences(database) == []


@pytest.mark.parametrize(("finished_by_now", "state"), [(False, "23505"), (True, "FL409")])
async def test_statements_that_are_run_again(
    database: Database, ours: Tenant, *, finished_by_now: bool, state: str
) -> None:
    """Whoever does not know whether a commit was kept may run the same again: items never enter twice."""
    made = _of(ours, ItemInput({}), ItemInput({}))
    with psycopg.connect(database.options.url) as connection:
        _run(connection, made)
    if finished_by_now:
        async with database.unit_of_work(ours.scope) as session:
            await cancel_items(session, ours.scope, item_ids=made.ids)

    with psycopg.connect(database.options.url) as connection, pytest.raises(psycopg.Error) as caught:
        _run(connection, made)

    assert caught.value.sqlstate == state
    assert len(await _payloads(database, ours)) == 2
    assert await differences(database) == []


@pytest.mark.parametrize(
    ("items", "error"),
    [
        ([ItemInput({"a": float("nan")})], ValidationFailed),
        ([], ValidationFailed),
        ([ItemInput({}, unique_key="a", on_conflict="replace")], ValidationFailed),
        ([ItemInput({}, unique_key="a", on_conflict="return")] * 2, Conflict),
    ],
    ids=["payload", "none", "replace", "twice"],
)
async def test_what_cannot_be_enqueued_is_said_at_once(
    ours: Tenant, items: Sequence[ItemInput], error: type[FairleadError]
) -> None:
    """Nothing has to be sent to hear what is wrong with an item."""
    with pytest.raises(error):
        _of(ours, *items)


async def test_a_queue_needs_an_id(ours: Tenant) -> None:
    """What cannot be the id of a queue is not found, without asking."""
    with pytest.raises(NotFound):
        enqueueing(ours.scope, queue_id="emails", items=[ItemInput({})])


async def test_other_connections(database: Database, ours: Tenant) -> None:
    """The statements run on an asynchronous connection, in one trip, and through SQLAlchemy."""
    first, second = _of(ours, ItemInput({"by": "psycopg"})), _of(ours, ItemInput({"by": "SQLAlchemy"}))
    async with await psycopg.AsyncConnection.connect(database.options.url) as connection, connection.pipeline():
        for statement, parameters in first.statements:
            await connection.execute(statement, parameters)
    engine = create_engine(driver_url(database.options.url))
    with engine.begin() as bound:
        for statement, parameters in second.statements:
            bound.exec_driver_sql(statement.decode(), dict(parameters or {}))
    engine.dispose()

    assert await _payloads(database, ours) == {
        first.ids[0]: {"by": "psycopg"},
        second.ids[0]: {"by": "SQLAlchemy"},
    }


async def test_a_worker_hears_of_them(database: Database, ours: Tenant) -> None:
    """With the wake-up sent after the commit a worker that would not look for an hour takes the item."""
    app = App()

    @app.handler("work")
    async def work(item: Item) -> Any:
        return item.payload

    async with working(database, app, poll_seconds=3600):
        with psycopg.connect(database.options.url, autocommit=True) as connection:
            with connection.transaction():
                _run(connection, made := _of(ours, ItemInput({"a": 1})))
            connection.execute(*made.wake_up)
        row = await finished(database, ours, made.ids[0])

    assert (row["status"], row["result"]) == ("completed", {"a": 1})
