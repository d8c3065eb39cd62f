from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import call, names, tell

from fairlead.db.session import Database
from fairlead.errors import NotFound
from fairlead.queries.page import Window
from fairlead.queries.queues import (
    ClaimRules,
    find_queue_ids,
    get_claim_rules,
    get_queue,
    get_queue_by_name,
    get_queue_page,
)
from fairlead.services.queues import create_queue, soft_delete_queue

pytestmark = pytest.mark.anyio

JUNK = ["nobody0123456789abcdefgh", "", "x", "a\x00b", "\ud800", "%", "'"]


async def test_pages_are_stable_among_equals(database: Database, ours: Tenant) -> None:
    """Queues made in the same instant are split over pages without one missing or coming twice."""
    async with database.unit_of_work(ours.scope) as session:
        made = {(await create_queue(session, ours.scope, name=f"q{n}")).id for n in range(7)}

    async with database.unit_of_work(ours.scope) as session:
        pages = [await get_queue_page(session, ours.scope, window=Window(n, 3)) for n in (1, 2, 3, 4)]

    assert [len(page.data) for page in pages] == [3, 3, 2, 0]
    assert {page.total for page in pages} == {8}
    assert {queue.id for page in pages for queue in page.data} == made | {ours.queue_id}


async def test_total_counts_what_is_listed(database: Database, ours: Tenant) -> None:
    """Deleted queues are neither listed nor counted."""
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queues set deleted_at = now()"))

    async with database.unit_of_work(ours.scope) as session:
        page = await get_queue_page(session, ours.scope, window=Window())

    assert (page.data, page.total, page.total_pages) == ((), 0, 0)


@pytest.mark.parametrize("name", JUNK)
async def test_there_is_no_such_queue(database: Database, ours: Tenant, *, name: str) -> None:
    """Whatever is no queue's id or name is NotFound, and among several ids left out."""
    for read in (get_queue, get_claim_rules):
        with pytest.raises(NotFound):
            await call(database, ours.scope, read, queue_id=name)
    with pytest.raises(NotFound):
        await call(database, ours.scope, get_queue_by_name, name=name)
    ids = [name, ours.queue_id]
    assert await call(database, ours.scope, find_queue_ids, queue_ids=ids) == {ours.queue_id}
    page = await call(database, ours.scope, get_queue_page, window=Window(), queue_ids=ids)
    assert (names(page.data), page.total) == (["work"], 1)


async def test_another_organizations_queue_is_not_there(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A queue of the same name elsewhere is neither read nor listed nor found among ids."""
    for read in (get_queue, get_claim_rules):
        with pytest.raises(NotFound):
            await call(database, ours.scope, read, queue_id=theirs.queue_id)
    assert (await call(database, ours.scope, get_queue_by_name, name="work")).id == ours.queue_id
    ids = [ours.queue_id, theirs.queue_id]
    assert await call(database, ours.scope, find_queue_ids, queue_ids=ids) == {ours.queue_id}
    page = await call(database, ours.scope, get_queue_page, window=Window(), queue_ids=ids)
    assert (page.total, page.data[0].id) == (1, ours.queue_id)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["Résumés", "50%_off", "Mail", "work"]),
        ({"search": "MAIL"}, ["Mail"]),
        ({"search": "%_"}, ["50%_off"]),
        ({"search": "RÉS"}, ["Résumés"]),
        ({"search": "\\"}, []),
        ({"search": "old"}, []),
        ({"search": "old", "deleted": True}, ["old mail"]),
        ({"deleted": True}, ["old mail", "Résumés", "50%_off", "Mail", "work"]),
        ({"paused": True}, ["50%_off", "Mail"]),
        ({"paused": False}, ["Résumés", "work"]),
        ({"paused": True, "search": "mail"}, ["Mail"]),
        ({"queue_ids": []}, []),
    ],
    ids=str,
)
async def test_filters(database: Database, ours: Tenant, *, filters: dict[str, Any], expected: list[str]) -> None:
    """Each filter limits the list and its total; a queue whose pause is over is not paused any more."""
    for name in ("Mail", "50%_off", "Résumés", "old mail"):
        made = await call(database, ours.scope, create_queue, name=name)
    await call(database, ours.scope, soft_delete_queue, queue_id=made.id)
    await tell(database, "update queues set paused_at = now() where name in ('Mail', '50%_off', 'Résumés')")
    await tell(database, "update queues set resume_at = now() + interval '1 day' where name = 'Mail'")
    await tell(database, "update queues set resume_at = now() - interval '1 day' where name = 'Résumés'")

    page = await call(database, ours.scope, get_queue_page, window=Window(), **filters)
    assert (names(page.data), page.total) == (expected, len(expected))


async def test_claim_rules(database: Database) -> None:
    """A claim is told how long its lease is, and whether the queue is paused now."""
    owner = await make_tenant(database, lease_seconds=77)

    async def rules() -> ClaimRules:
        return await call(database, owner.scope, get_claim_rules, queue_id=owner.queue_id)

    assert await rules() == ClaimRules(77, paused=False)
    await tell(database, "update queues set paused_at = now()")
    assert await rules() == ClaimRules(77, paused=True)
    await tell(database, "update queues set resume_at = now() - interval '1 second'")
    assert await rules() == ClaimRules(77, paused=False)
    await call(database, owner.scope, soft_delete_queue, queue_id=owner.queue_id)
    with pytest.raises(NotFound):
        await rules()
