from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import call, tell

from fairlead.db.session import Database, Session
from fairlead.domain.ids import new_id
from fairlead.domain.limits import PAGE_ITEMS
from fairlead.errors import ValidationFailed
from fairlead.queries.items import get_item_page
from fairlead.queries.organizations import get_organization_page
from fairlead.queries.page import LAST_PAGE, After, Page, Position, Slice, Window, sliced
from fairlead.queries.queues import get_queue_page
from fairlead.queries.roles import get_role_page
from fairlead.queries.users import get_user_page, get_user_slice
from fairlead.rows import User
from fairlead.schema import User as UserTable

PROPERTY = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # every example makes organizations of its own
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Person(NamedTuple):
    """What decides whether and where a user is listed; few instants, so that many are made in the same one."""

    instant: int
    name: str
    email_verified: bool
    deleted: bool


PEOPLE = st.lists(
    st.builds(Person, st.integers(0, 3), st.sampled_from(["Ada", "Bob", "50%"]), st.booleans(), st.booleans()),
    max_size=25,
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "search": st.sampled_from(["ada", "%", "nobody"]),
        "email_verified": st.booleans(),
        "deleted": st.booleans(),
    },
)
LIMITS = st.integers(1, 8)


def test_window_counts_from_one() -> None:
    """The first page skips nothing, the next skips one page."""
    assert Window().offset == 0
    assert Window(3, 20).offset == 40


@pytest.mark.parametrize(
    ("page", "limit", "wrong"),
    [(0, 20, "page"), (-1, 20, "page"), (LAST_PAGE + 1, 1, "page"), (1, 0, "limit"), (1, PAGE_ITEMS + 1, "limit")],
)
def test_window_has_limits(page: int, limit: int, wrong: str) -> None:
    """A page or size that no list has is refused by name."""
    with pytest.raises(ValidationFailed) as refused:
        Window(page, limit)
    assert refused.value.details.keys() == {wrong}


@pytest.mark.parametrize("limit", [0, -1, PAGE_ITEMS + 1])
def test_a_slice_has_the_limits_of_a_page(limit: int) -> None:
    """A slice is as bounded as a page is."""
    with pytest.raises(ValidationFailed) as refused:
        After(limit=limit)
    assert refused.value.details.keys() == {"limit"}


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (20, 1), (21, 2)])
def test_pages_are_counted_up(total: int, pages: int) -> None:
    """A started page counts."""
    assert Page[int]((), 1, 20, total).total_pages == pages


@given(st.integers(0, 12), st.integers(1, 12))
def test_a_slice_knows_whether_it_is_the_last(found: int, limit: int) -> None:
    """Of one row more than was asked for only the asked ones are shown, and the last of them says where to go on."""
    rows = [Position(EPOCH - timedelta(number), str(number)) for number in range(min(found, limit + 1))]
    part = sliced(rows, limit=limit)
    assert part.data == tuple(rows[:limit])
    assert part.next == (rows[limit - 1] if found > limit else None)


async def _people(session: Session, home: Tenant, people: list[Person]) -> list[str]:
    """Make users; return their ids in the order in which a list has to show them."""
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "email": f"{new_id()}@example.org",
            "name": person.name,
            "organization_id": home.organization_id,
            "email_verified": person.email_verified,
            "created_at": EPOCH + timedelta(seconds=person.instant),
            "deleted_at": EPOCH if person.deleted else None,
        }
        for person in people
    ]
    if rows:
        await session.execute(insert(UserTable).values(rows))
    return [row["id"] for row in sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)]


def _listed(people: list[Person], filters: dict[str, Any]) -> list[Person]:
    """Return who has to be listed under the filters."""
    return [
        person
        for person in people
        if (filters.get("deleted") or not person.deleted)
        and filters.get("search", "") in person.name.lower()
        and filters.get("email_verified") in {None, person.email_verified}
    ]


async def _walk_pages(
    database: Database, home: Tenant, limit: int, *, meanwhile: Callable[[], Awaitable[object]], **filters: Any
) -> list[Page[User]]:
    """Read every page, each in a transaction of its own, and one beyond the last."""
    pages: list[Page[User]] = []
    while not pages or pages[-1].data:
        window = Window(len(pages) + 1, limit)
        pages.append(await call(database, home.scope, get_user_page, window=window, **filters))
        await meanwhile()
    return pages


async def _walk_slices(
    database: Database, home: Tenant, limit: int, *, meanwhile: Callable[[], Awaitable[object]], **filters: Any
) -> list[Slice[User]]:
    slices: list[Slice[User]] = []
    while not slices or slices[-1].next:
        after = After(slices[-1].next if slices else None, limit)
        slices.append(await call(database, home.scope, get_user_slice, after=after, **filters))
        await meanwhile()
    return slices


@pytest.mark.anyio
@PROPERTY
@given(people=PEOPLE, filters=FILTERS, limit=LIMITS)
async def test_pages_show_each_row_once(
    database: Database, people: list[Person], filters: dict[str, Any], limit: int
) -> None:
    """Walking the pages shows what the filter lets through, each once, newest first, while others get new rows.

    The total is the same on every page, and on the one past the end, which is empty.
    """
    home, elsewhere = await make_tenant(database), await make_tenant(database)
    async with database.unit_of_work(FLEET) as session:
        order = await _people(session, home, people)

    async def meanwhile() -> None:
        async with database.unit_of_work(FLEET) as session:
            await _people(session, elsewhere, [*people[:3], Person(9, "Ada", email_verified=True, deleted=False)])

    pages = await _walk_pages(database, home, limit, meanwhile=meanwhile, **filters)

    shown = [user for page in pages for user in page.data]
    expected = len(_listed(people, filters))
    assert [user.id for user in shown] == [user_id for user_id in order if user_id in {user.id for user in shown}]
    assert len(shown) == len({user.id for user in shown}) == expected
    assert {user.organization_id for user in shown} <= {home.organization_id}
    assert {(page.total, page.total_pages) for page in pages} == {(expected, -(-expected // limit))}
    assert [len(page.data) for page in pages[:-1]] == [limit] * (expected // limit) + [expected % limit] * (
        expected % limit > 0
    )
    assert pages[-1].data == ()


@pytest.mark.anyio
@PROPERTY
@given(people=PEOPLE, filters=FILTERS, limit=LIMITS)
async def test_slices_show_each_row_once(
    database: Database, people: list[Person], filters: dict[str, Any], limit: int
) -> None:
    """Walking the slices shows each row once too, while newer ones come to the same list and shown ones leave it."""
    home = await make_tenant(database)
    async with database.unit_of_work(FLEET) as session:
        order = await _people(session, home, people)
    at_once = await _walk_slices(database, home, limit, meanwhile=anyio.lowlevel.checkpoint, **filters)
    ids = [user.id for part in at_once for user in part.data]

    async def meanwhile() -> None:
        async with database.unit_of_work(FLEET) as session:
            await _people(session, home, [Person(9, "Ada 50%", email_verified=people[:1] == [], deleted=False)])
            await session.execute(text("delete from users where id = :id").bindparams(id=next(iter(ids), "nobody")))

    meant = await _walk_slices(database, home, limit, meanwhile=meanwhile, **filters)

    assert [user.id for part in meant for user in part.data] == ids
    assert ids == [user_id for user_id in order if user_id in set(ids)]
    assert len(ids) == len(_listed(people, filters))
    assert all(len(part.data) == limit for part in meant[:-1])


@pytest.mark.anyio
@pytest.mark.parametrize("page", [4, 5, 1000, LAST_PAGE])
async def test_past_the_end(database: Database, ours: Tenant, page: int) -> None:
    """A page past the end is empty and still knows how many rows there are, exactly at a full page's end too."""
    async with database.unit_of_work(FLEET) as session:
        await _people(session, ours, [Person(0, "Ada", email_verified=True, deleted=False)] * 6)

    found = await call(database, ours.scope, get_user_page, window=Window(page, 2))
    assert (found.data, found.total, found.total_pages) == ((), 6, 3)
    nothing = await call(database, ours.scope, get_user_page, window=Window(page, 2), search="nobody")
    assert (nothing.data, nothing.total, nothing.total_pages) == ((), 0, 0)


Read: TypeAlias = Callable[[Session, Tenant, Window], Awaitable[Page[Any]]]


class List(NamedTuple):
    """A list of pages: how it is read, the table it is of, and how rows with numbers for ids are added to it."""

    read: Read
    table: str
    add: str


NUMBERS = "(select cast(n as text) as n from generate_series(:first, :first + 9) as n) as numbers"
LISTS = {
    "users": List(
        lambda session, home, window: get_user_page(session, home.scope, window=window),
        "users",
        "(id, email, name, organization_id) select n, n, n, :organization_id from",
    ),
    "users found": List(
        lambda session, home, window: get_user_page(session, home.scope, window=window, search="1"),
        "users",
        "(id, email, name, organization_id) select n, n, '1', :organization_id from",
    ),
    "queues": List(
        lambda session, home, window: get_queue_page(session, home.scope, window=window),
        "queues",
        "(id, name, organization_id) select n, n, :organization_id from",
    ),
    "roles": List(
        lambda session, home, window: get_role_page(session, home.scope, window=window),
        "roles",
        "(id, name, organization_id) select n, n, :organization_id from",
    ),
    "organizations": List(
        lambda session, _home, window: get_organization_page(session, FLEET, window=window),
        "organizations",
        "(id, name, slug) select n, :organization_id, n from",
    ),
    "items": List(
        lambda session, home, window: get_item_page(session, home.scope, queue_id=home.queue_id, window=window),
        "queue_items_live",
        "(id, organization_id, queue_id, payload) select n, organization_id, id, '{}' "
        "from (select * from queues where organization_id = :organization_id) as q cross join",
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("limit", [3, PAGE_ITEMS])
async def test_a_page_and_its_total_agree(database: Database, ours: Tenant, name: str, limit: int) -> None:
    """While others add and remove rows as fast as they can, a page has as many rows as its total says."""
    read, table, add = LISTS[name]
    add = f"insert into {table} {add} {NUMBERS}"
    remove = f"delete from {table} where id = any(:ids)"  # noqa: S608 - from the table above
    wrong: list[tuple[int, int, int]] = []
    seen: set[int] = set()
    enough = anyio.Event()

    async def hammer(number: int) -> None:
        while not enough.is_set():
            for first in (number, number + 10):
                await tell(database, add, organization_id=ours.organization_id, first=first)
            for part in range(3):
                await tell(database, remove, ids=[str(n) for n in range(number, number + 20) if n % 3 == part])

    async with anyio.create_task_group() as tasks:
        for number in (0, 100):
            tasks.start_soon(hammer, number)
        for turn in range(60):
            async with database.unit_of_work(FLEET if name == "organizations" else ours.scope) as session:
                page = await read(session, ours, Window(1 + turn % 4, limit))
            seen.add(page.total)
            if len(page.data) != max(0, min(limit, page.total - (page.page - 1) * limit)):
                wrong.append((page.page, page.total, len(page.data)))
        enough.set()

    assert wrong == []
    assert len(seen) > 3, "nothing happened meanwhile: make it happen faster"
