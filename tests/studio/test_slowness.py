from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fixtures.studios import Guest

from fairlead.studio.access import Organization
from fairlead.studio.filters import Filter
from fairlead.studio.lists import Wanted
from fairlead.studio.shape import Column, Table
from fairlead.studio.slowness import slow_because

pytestmark = pytest.mark.anyio

COLUMNS = (
    Column("id", "bigint", "number", indexed=True),
    Column("tenant", "text", "text", indexed=True),
    Column("at", "timestamptz", "time", indexed_behind=("tenant",)),
    Column("note", "text", "text"),
)
LARGE = Table("events", "public", COLUMNS, ("id",), rows_estimate=1_000_000, tenant_column="tenant")
ONE = Organization("o", "one")


@pytest.mark.parametrize(
    ("wanted", "organization", "reason"),
    [
        (Wanted(), None, ""),
        (Wanted(sort="id"), None, ""),
        (Wanted(sort="note"), None, "No index begins with note, so that about 1,000,000 rows may have to be read."),
        (Wanted(sort="at"), None, "No index begins with at,"),
        (Wanted(sort="at"), ONE, ""),
        (Wanted(search="x"), None, "A search looks into every text,"),
        (Wanted([Filter("note", "eq", "x")], sort="id"), None, "No index begins with note,"),
        (Wanted([Filter("id", "ne", "1")]), None, ""),
        (Wanted([Filter("id", "eq", "1")], sort="note", search="x"), None, ""),
    ],
)
def test_why_a_list_takes_long(wanted: Wanted, organization: Organization | None, reason: str) -> None:
    """A list of a large table that no index serves says so, with the time it is given; one that is served does not."""
    said = slow_because(LARGE, wanted, organization)
    assert said.startswith(reason) if reason else said == ""
    assert not reason or "after 5 seconds" in said
    assert slow_because(replace(LARGE, rows_estimate=99), wanted, organization) == ""


async def test_what_the_catalogue_says_of_indexes(shopper: Guest) -> None:
    """A column that an index begins with is known, and one that is second in one."""
    table = shopper.studio.shape.tables["orders"]
    known = {column.name: (column.indexed, column.indexed_behind) for column in table.columns}
    assert known["customer_id"] == (True, ())
    assert known["number"] == (False, ("customer_id",))
    assert known["state"] == (False, ())


async def test_a_page_says_it(shopper: Guest) -> None:
    """The page of a large table that is sorted by another column says that no index begins with it, in its head too."""
    tables = shopper.studio.shape.tables
    large = replace(tables["orders"], rows_estimate=1_000_000)
    object.__setattr__(shopper.studio.shape, "tables", {**tables, "orders": large})
    page = await shopper.page("/t/orders", sort="state")
    assert "No index begins with state, so that about 1,000,000 rows may have to be read." in page
    assert "order_state, not null; no index begins with it" in page
    assert "may have to be read" not in await shopper.page("/t/orders")
