from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, claim_some, claimed, enqueue_some, item_in, one_in_each_status
from tests.fixtures.organizations import Tenant
from tests.fixtures.sent import sent_by

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import LIVE, ItemStatus
from fairlead.engine.complete import Completion, complete
from fairlead.engine.fail import Failure, fail
from fairlead.errors import NotFound, ValidationFailed
from fairlead.queries.items import Item, find_items, get_item, get_item_page, get_item_slice
from fairlead.queries.page import After, Page, Slice, Window
from fairlead.services.queues import create_queue, soft_delete_queue

pytestmark = pytest.mark.anyio

ALL = Window(limit=100)


async def page_of(database: Database, owner: Tenant, window: Window = ALL, **asked: Any) -> Page[Item]:
    """List items, of every queue unless one is asked for."""
    async with database.unit_of_work(owner.scope) as session:
        return await get_item_page(session, owner.scope, window=window, **asked)


async def slice_of(database: Database, owner: Tenant, after: After, **asked: Any) -> Slice[Item]:
    """List the same, slice by slice."""
    async with database.unit_of_work(owner.scope) as session:
        return await get_item_slice(session, owner.scope, after=after, **asked)


async def listed(database: Database, owner: Tenant, **asked: Any) -> list[str]:
    """Return the ids of all that is listed, which a page and a slice have to agree about."""
    page = await page_of(database, owner, **asked)
    part = await slice_of(database, owner, After(limit=100), **asked)
    ids = [item.id for item in page.data]
    assert (page.total, part.data, part.next) == (len(ids), page.data, None)
    return ids


async def another_queue(database: Database, owner: Tenant) -> Tenant:
    """Make a second queue and return the organization with that one."""
    async with database.unit_of_work(owner.scope) as session:
        made = await create_queue(session, owner.scope, name=new_id())
    return Tenant(owner.organization_id, made.id)


async def created(database: Database, item_id: str, at: datetime) -> None:
    """Let an item have been enqueued at some time."""
    statement = text("update queue_items_live set created_at = :at where id = :id").bindparams(at=at, id=item_id)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(statement)


@pytest.mark.parametrize("status", ItemStatus)
async def test_items_are_read_in_every_status(database: Database, ours: Tenant, *, status: ItemStatus) -> None:
    """An item is read and listed wherever it is filed, and has an end only when it is finished."""
    lease = await item_in(database, ours, status)

    async with database.unit_of_work(ours.scope) as session:
        found = await find_items(session, ours.scope, item_ids=[lease.id])
    pages = {other: await page_of(database, ours, queue_id=ours.queue_id, status=other) for other in ItemStatus}

    assert found[lease.id].status is status
    assert (found[lease.id].finished_at is None) == (status in LIVE)
    assert {other: page.total for other, page in pages.items()} == {other: other is status for other in ItemStatus}
    assert pages[status].data == (found[lease.id],)


async def test_items_of_others_are_not_found(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Items of another organization are left out of what is found."""
    mine, other = await item_in(database, ours, ItemStatus.WAITING), await item_in(database, theirs, ItemStatus.WAITING)

    async with database.unit_of_work(ours.scope) as session:
        assert (await find_items(session, ours.scope, item_ids=[mine.id, other.id])).keys() == {mine.id}
    assert await listed(database, ours) == [mine.id]


@pytest.mark.parametrize("item_id", ["k3f9x2m7q1w8e5r4t6y0u2i9", "short", "\x00", "\ud800"])
async def test_what_is_not_here_is_not_found(database: Database, ours: Tenant, *, item_id: str) -> None:
    """An item that is not here, and what could not be one's id, raise NotFound."""
    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(NotFound):
            await get_item(session, ours.scope, item_id=item_id)


@pytest.mark.parametrize("queue_id", ["k3f9x2m7q1w8e5r4t6y0u2i9", "\x00", "theirs"])
async def test_a_list_of_no_queue_is_not_found(
    database: Database, ours: Tenant, theirs: Tenant, *, queue_id: str
) -> None:
    """The items of a queue that is not here are not an empty list but NotFound, another organization's alike."""
    await enqueue_some(database, theirs)
    asked = theirs.queue_id if queue_id == "theirs" else queue_id
    with pytest.raises(NotFound):
        await page_of(database, ours, queue_id=asked)
    with pytest.raises(NotFound):
        await slice_of(database, ours, After(), queue_id=asked)


async def test_lists_are_of_one_queue_or_of_all(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """With a queue its items are listed, without one all of the organization's; `queue_ids` leaves some of them."""
    second, third = [await another_queue(database, ours) for _ in range(2)]
    (one,), (two,), (three,) = [await enqueue_some(database, owner) for owner in (ours, second, third)]
    await enqueue_some(database, theirs)

    assert await listed(database, ours, queue_id=second.queue_id) == [two]
    assert await listed(database, ours) == [three, two, one]
    wanted = [third.queue_id, ours.queue_id, theirs.queue_id, "\x00"]
    assert await listed(database, ours, queue_ids=wanted) == [three, one]
    assert await listed(database, ours, queue_id=second.queue_id, queue_ids=wanted) == []
    assert await listed(database, ours, queue_ids=[]) == []


async def test_a_deleted_queues_items_are_there_when_asked_for(database: Database, ours: Tenant) -> None:
    """Items of a soft-deleted queue are not read, listed or counted, in any status, unless `deleted` asks for them."""
    gone = await another_queue(database, ours)
    (kept,) = await enqueue_some(database, ours)
    items = await one_in_each_status(database, gone)
    async with database.unit_of_work(ours.scope) as session:
        await soft_delete_queue(session, ours.scope, queue_id=gone.queue_id)

    assert await listed(database, ours) == [kept]
    assert set(await listed(database, ours, deleted=True)) == {kept, *items.values()}
    assert set(await listed(database, ours, queue_id=gone.queue_id, deleted=True)) == set(items.values())
    with pytest.raises(NotFound):
        await listed(database, ours, queue_id=gone.queue_id)
    async with database.unit_of_work(ours.scope) as session:
        assert await find_items(session, ours.scope, item_ids=list(items.values())) == {}
        for item_id in items.values():
            with pytest.raises(NotFound):
                await get_item(session, ours.scope, item_id=item_id)
            assert (await get_item(session, ours.scope, item_id=item_id, deleted=True)).id == item_id


async def test_filters_by_task_and_tag(database: Database, ours: Tenant) -> None:
    """A task and a tag are an item's exactly; filters together leave what meets all of them."""
    (mail,) = await enqueue_some(database, ours, task="mail", tags=("red", "Blue"))
    (mailing,) = await enqueue_some(database, ours, task="mailing", tags=("red",))
    (plain,) = await enqueue_some(database, ours)

    assert await listed(database, ours, task="mail") == [mail]
    assert await listed(database, ours, tag="red") == [mailing, mail]
    assert await listed(database, ours, tag="blue") == []
    assert await listed(database, ours, task="mail", tag="Blue", status=ItemStatus.WAITING) == [mail]
    assert await listed(database, ours, task="mailing", tag="Blue") == []
    assert await listed(database, ours, task=None, tag=None, error=None, status=None) == [plain, mailing, mail]


async def test_a_filter_that_nothing_can_meet_is_met_by_nothing(database: Database, ours: Tenant) -> None:
    """What cannot be stored is in no item: the list is empty, whatever the field."""
    await enqueue_some(database, ours, task="t", tags=("t",))
    for impossible in ("\x00", "a\ud800"):
        for field in ("task", "tag", "error"):
            assert await listed(database, ours, **{field: impossible}) == []


async def test_filters_by_the_time_of_enqueueing(database: Database, ours: Tenant) -> None:
    """`created_from` is in, `created_before` is not, whatever zone they are told in."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    ids = await enqueue_some(database, ours, 3)
    for number, item_id in enumerate(ids):
        await created(database, item_id, start + timedelta(hours=number))

    east = start.astimezone(timezone(timedelta(hours=9)))
    assert await listed(database, ours, created_from=start + timedelta(hours=1)) == [ids[2], ids[1]]
    assert await listed(database, ours, created_before=start + timedelta(hours=1)) == [ids[0]]
    assert await listed(database, ours, created_from=east, created_before=start + timedelta(hours=2)) == [
        ids[1],
        ids[0],
    ]


async def test_an_instant_without_a_zone_is_refused(database: Database, ours: Tenant) -> None:
    """Both ends of the time are named when they do not say their zone."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the naive one is the point
    with pytest.raises(ValidationFailed) as refused:
        await page_of(database, ours, created_from=naive, created_before=naive)
    assert refused.value.details.keys() == {"created_from", "created_before"}


ERRORS = ["Timeout after 5% of É", "timeout_after", "C:\\temp", "fine"]


@pytest.mark.parametrize(
    ("term", "found"),
    [("TIMEOUT", [0, 1]), ("5%", [0]), ("%", [0]), ("_", [1]), ("\\", [2]), ("é", [0]), ("of É", [0]), ("none", [])],
)
async def test_errors_are_searched_literally(database: Database, ours: Tenant, *, term: str, found: list[int]) -> None:
    """Text is found anywhere in the last error, in any case; wildcards and the backslash mean themselves."""
    leases = await claimed(database, ours, len(ERRORS))
    async with database.unit_of_work(FLEET) as session:
        failures = [Failure(lease, error) for lease, error in zip(leases, ERRORS, strict=True)]
        await fail(session, FLEET, failures=failures)
    await enqueue_some(database, ours)  # never tried, and so without an error

    assert set(await listed(database, ours, error=term)) == {leases[number].id for number in found}


async def test_pages_are_stable_among_equals(database: Database, ours: Tenant) -> None:
    """Items enqueued together, at one instant, are split over pages without one missing or coming twice."""
    ids = await enqueue_some(database, ours, 7)
    pages = [await page_of(database, ours, Window(number, 3)) for number in (1, 2, 3, 4)]
    assert [len(page.data) for page in pages] == [3, 3, 1, 0]
    assert {page.total for page in pages} == {7}
    assert [item.id for page in pages for item in page.data] == sorted(ids, reverse=True)


async def test_a_page_and_its_total_are_one_statement(database: Database, ours: Tenant) -> None:
    """What is listed and how much there is come from one snapshot; the queue asked for is looked at before."""
    async with database.unit_of_work(ours.scope) as session:
        with sent_by(session) as sent:
            await get_item_page(session, ours.scope, window=Window())
            assert len(sent) == 1
            await get_item_page(session, ours.scope, window=Window(), queue_id=ours.queue_id)
            assert len(sent) == 3


@pytest.mark.parametrize("limit", [1, 4, 25])
@pytest.mark.parametrize("one_queue", [True, False], ids=["one-queue", "all-queues"])
async def test_a_walk_meets_each_item_once(database: Database, ours: Tenant, *, limit: int, one_queue: bool) -> None:
    """Walking slice by slice visits each item once, while items are enqueued, worked and finished."""
    other = await another_queue(database, ours)
    there = [item_id for owner in [ours, other] * 4 for item_id in await enqueue_some(database, owner, 3)]
    asked: dict[str, Any] = {"queue_id": ours.queue_id} if one_queue else {}
    expected = await listed(database, ours, **asked)
    assert len(expected) == (12 if one_queue else len(there))

    met: list[str] = []
    after: After | None = After(limit=limit)
    while after:
        part = await slice_of(database, ours, after, **asked)
        assert len(part.data) <= limit
        met += [item.id for item in part.data]
        after = After(part.next, limit) if part.next else None
        await _go_on(database, ours)
    assert met == expected


async def _go_on(database: Database, owner: Tenant) -> None:
    """Enqueue an item and finish two others."""
    await enqueue_some(database, owner)
    done = await claim_some(database, owner, 2)
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(item) for item in done])


async def test_a_slice_can_begin_further_on(database: Database, ours: Tenant) -> None:
    """Rows that are skipped are passed over before those that are asked for, and the next slice follows them."""
    ids = await enqueue_some(database, ours, 5)
    part = await slice_of(database, ours, After(limit=2, skipped=2), queue_id=ours.queue_id)
    rest = await slice_of(database, ours, After(part.next, limit=2), queue_id=ours.queue_id)

    newest_first = [item.id for item in (await page_of(database, ours, queue_id=ours.queue_id)).data]
    assert sorted(newest_first) == sorted(ids)
    assert [item.id for item in (*part.data, *rest.data)] == newest_first[2:]
