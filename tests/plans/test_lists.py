"""Which index each list walks for an organization of many, as the tenant's role and under row security.

Each call is made as a program makes it, and what it sends is planned in both ways that it can be: for its own values,
as a statement is that is new to its connection, and for all values, as a prepared one may be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeAlias

import pytest
from tests.fixtures.databases import as_login, database_of
from tests.plans.explain import Plan, plan_for_all_values, plan_for_its_values, planning, recorded

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope, tenant
from fairlead.queries.api_keys import get_api_key_page, get_api_key_slice
from fairlead.queries.audit_events import get_audit_page, get_audit_slice
from fairlead.queries.page import After, Position, Window
from fairlead.queries.queues import get_queue_page
from fairlead.queries.users import get_user_page, get_user_slice
from fairlead.schema.row_security import APP_ROLE

Read: TypeAlias = Callable[[Session, TenantScope], Awaitable[object]]

pytestmark = pytest.mark.anyio
BOTH_WAYS = pytest.mark.parametrize("prepared", [False, True], ids=["new", "prepared"])
HOME = tenant("organization000000000001")  # seed.sql: the one with 8 000 of 40 000 users and events
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = After(Position(NOON, "u" * 24))
SUBJECT = "u" * 24
PLACE: Final = "ROW(created_at, id) < ROW("
BY_KEY: Final = "(id = part.id)"

page_of_users = partial(get_user_page, window=Window(page=2))
slice_of_users = partial(get_user_slice, after=LATER)
page_of_events = partial(get_audit_page, window=Window())
slice_of_events = partial(get_audit_slice, after=LATER)
page_of_keys = partial(get_api_key_page, window=Window())
slice_of_keys = partial(get_api_key_slice, after=LATER)
page_of_queues = partial(get_queue_page, window=Window())


@pytest.fixture
async def database(seeded_url: str) -> AsyncIterator[Database]:
    """The seeded database with a pool, as the application's login."""
    opened = Database(DatabaseOptions(url=as_login(seeded_url, database_of(seeded_url)), application_name="tests"))
    yield opened
    await opened.close()


async def plan_of(database: Database, seeded_url: str, read: Read, *, prepared: bool) -> Plan:
    """Return the plan of the one statement that a read sends."""
    async with database.unit_of_work(HOME) as session:
        with recorded(session) as sent:
            await read(session, HOME)
    [statement] = sent
    organization_id = HOME.organization_id
    with planning(seeded_url, APP_ROLE, organization_id=organization_id, statistics="analyzed") as connection:
        if prepared:
            return plan_for_all_values(connection, statement.text)
        return plan_for_its_values(connection, statement)


@BOTH_WAYS
@pytest.mark.parametrize(
    "read", [page_of_users, partial(page_of_users, search="body 1")], ids=["everybody", "a search"]
)
async def test_a_page_of_users_is_found_and_counted_in_one_index(
    database: Database, seeded_url: str, read: Read, *, prepared: bool
) -> None:
    """A page of users and its total come from the organization's index alone; the table gives only the page's rows."""
    plan = await plan_of(database, seeded_url, read, prepared=prepared)
    assert plan.scans_of("users") == {"Index Only Scan users_org_idx", "Index Scan users_pkey"}
    assert plan.common_table("part").scans_of("users") == {"Index Only Scan users_org_idx"}
    assert plan.common_table("part").sorted_inputs() == set()


@BOTH_WAYS
@pytest.mark.parametrize(
    "read", [slice_of_users, partial(slice_of_users, search="body 1")], ids=["everybody", "a search"]
)
async def test_a_slice_of_users_starts_where_the_last_one_ended(
    database: Database, seeded_url: str, read: Read, *, prepared: bool
) -> None:
    """A slice of users enters the organization's index at its position and walks it without a sort."""
    plan = await plan_of(database, seeded_url, read, prepared=prepared)
    assert plan.scans_of("users") == {"Index Scan users_org_idx"}
    assert plan.sorted_inputs() == set()
    [entered] = plan.searches()
    assert "organization_id =" in entered
    assert PLACE in entered


@BOTH_WAYS
async def test_a_page_of_events_is_found_and_counted_in_indexes(
    database: Database, seeded_url: str, *, prepared: bool
) -> None:
    """A page of the audit trail walks the organization's index without a sort, and none of it is read to count it."""
    plan = await plan_of(database, seeded_url, page_of_events, prepared=prepared)
    indexes = {"Index Only Scan audit_events_org_idx", "Index Only Scan audit_events_subject_idx"}
    assert plan.scans_of("audit_events") <= {*indexes, "Index Scan audit_events_pkey"}
    assert plan.common_table("part").scans_of("audit_events") == {"Index Only Scan audit_events_org_idx"}
    assert plan.common_table("part").sorted_inputs() == set()


@BOTH_WAYS
@pytest.mark.parametrize(
    "read", [slice_of_events, partial(slice_of_events, actor_kind="operator")], ids=["all", "an actor's"]
)
async def test_a_slice_of_events_starts_where_the_last_one_ended(
    database: Database, seeded_url: str, read: Read, *, prepared: bool
) -> None:
    """A slice of the audit trail enters the organization's index at its position and walks it without a sort."""
    plan = await plan_of(database, seeded_url, read, prepared=prepared)
    assert plan.scans_of("audit_events") == {"Index Scan audit_events_org_idx"}
    assert plan.sorted_inputs() == set()
    [entered] = plan.searches()
    assert PLACE in entered


async def test_frequent_actions_are_walked(database: Database, seeded_url: str) -> None:
    """The planner may use what it knows of actions, so that the newest events of a frequent one need no sort."""
    read = partial(slice_of_events, action="user.")
    plan = await plan_of(database, seeded_url, read, prepared=False)
    assert plan.scans_of("audit_events") == {"Index Scan audit_events_org_idx"}
    assert plan.sorted_inputs() == set()


@BOTH_WAYS
async def test_events_of_a_time_are_entered_by_it(database: Database, seeded_url: str, *, prepared: bool) -> None:
    """Of the events before and after an instant only those are walked."""
    read = partial(get_audit_slice, after=After(), since=NOON, until=datetime(2026, 1, 1, 13, tzinfo=UTC))
    plan = await plan_of(database, seeded_url, read, prepared=prepared)
    assert plan.scans_of("audit_events") == {"Index Scan audit_events_org_idx"}
    [entered] = plan.searches()
    assert "created_at >= " in entered
    assert "created_at < " in entered


@BOTH_WAYS
@pytest.mark.parametrize(
    "read",
    [partial(page_of_events, subject_id=SUBJECT), partial(slice_of_events, subject_id=SUBJECT)],
    ids=["a page", "a slice"],
)
async def test_one_subjects_events_are_read_alone(
    database: Database, seeded_url: str, read: Read, *, prepared: bool
) -> None:
    """What happened to one thing is found, and counted, in the index of subjects, and no other event is read."""
    plan = await plan_of(database, seeded_url, read, prepared=prepared)
    assert "audit_events_subject_idx" in plan.indexes()
    assert plan.indexes() <= {"audit_events_subject_idx", "audit_events_pkey"}
    assert "Seq Scan" not in plan.scans_of("audit_events")
    assert all("subject_id =" in entered or entered == BY_KEY for entered in plan.searches())


@BOTH_WAYS
@pytest.mark.parametrize(
    ("table", "read"),
    [
        ("api_keys", page_of_keys),
        ("api_keys", partial(page_of_keys, search="key 1")),
        ("api_keys", partial(page_of_keys, state="current")),
        ("api_keys", partial(page_of_keys, user_id=SUBJECT)),
        ("api_keys", slice_of_keys),
        ("queues", page_of_queues),
        ("queues", partial(page_of_queues, search="queue 1")),
        ("queues", partial(page_of_queues, paused=False)),
    ],
    ids=["keys", "search of keys", "current keys", "a user's keys", "slice of keys", "queues", "search", "not paused"],
)
async def test_a_short_list_reads_its_organization_only(
    database: Database, seeded_url: str, table: str, read: Read, *, prepared: bool
) -> None:
    """Keys and queues, of which an organization has few, are found by an index that begins with the organization."""
    plan = await plan_of(database, seeded_url, read, prepared=prepared)
    assert plan.scans_of(table)
    assert "Seq Scan" not in plan.scans_of(table)
    assert plan.searches()
    bounds = ("organization_id =", "user_id =", BY_KEY)
    assert all(any(bound in entered for bound in bounds) for entered in plan.searches())
