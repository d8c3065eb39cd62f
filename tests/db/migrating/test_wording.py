from __future__ import annotations

import pytest

from fairlead.db.migrating.wording import (
    IndexBuild,
    index_built,
    index_dropped,
    is_passing,
    stands_alone,
    waits_harmlessly,
)


@pytest.mark.parametrize(
    "statement",
    [
        "select 1",
        "  -- why\n/* and\nhow */ SET local role owner",
        "with recent as (select 1) select * from recent",
        "lock table orders in share mode",
        "create temp table scratch (id int)",
        "savepoint a",
    ],
)
def test_what_leaves_nothing_behind(statement: str) -> None:
    """Reading, setting and what only this session sees is sent again."""
    assert is_passing(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into orders values (1)",
        "with gone as (delete from orders returning id) select * from gone",
        "create table settings (id int)",
        "alter table orders set (fillfactor = 50)",
        "-- set it\nupdate orders set paid = true",
        "do $$ begin end $$",
    ],
)
def test_what_changes_something(statement: str) -> None:
    """What changes rows or the schema is done once."""
    assert not is_passing(statement)


@pytest.mark.parametrize(
    ("statement", "alone", "harmless"),
    [
        ("create index concurrently on orders (id)", True, True),
        ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a ON orders (id)", True, True),
        ("drop index concurrently a", True, True),
        ("reindex index concurrently a", True, False),
        ("vacuum orders", True, False),
        ("alter table parts\n detach partition part concurrently", True, False),
        ("alter system set work_mem = '8MB'", True, False),
        ("call fill()", True, False),
        ("create index a on orders (id)", False, False),
        ("alter type color add value 'red'", False, False),
        ("alter table orders validate constraint a", False, False),
    ],
)
def test_what_stands_alone(statement: str, *, alone: bool, harmless: bool) -> None:
    """Only what PostgreSQL refuses in a transaction is sent without one; only an index's building may wait for long."""
    assert (stands_alone(statement), waits_harmlessly(statement)) == (alone, harmless)


@pytest.mark.parametrize(
    ("statement", "built"),
    [
        ("create index concurrently A on Orders (id)", IndexBuild("a", "Orders")),
        ('create unique index concurrently "An ""index""" on only shop."Orders" using gin (x)', None),
        ("create index concurrently if not exists a on shop.orders (id)", IndexBuild("a", "shop.orders")),
        ("create index concurrently on orders (id)", None),
        ("create index a on orders (id)", None),
    ],
)
def test_which_index_is_built(statement: str, built: IndexBuild | None) -> None:
    """The name and the table of an index are read as PostgreSQL reads them."""
    expected = built or (IndexBuild('An "index"', 'shop."Orders"') if "only" in statement else None)
    assert index_built(statement) == expected


def test_which_index_is_dropped() -> None:
    """The index that is dropped is found behind IF EXISTS and in its schema; one of several is not."""
    assert index_dropped("drop index concurrently if exists shop.a;") == "shop.a"
    assert index_dropped("drop index concurrently a, b") is None
    assert index_dropped("drop index a") is None
