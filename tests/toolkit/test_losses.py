from __future__ import annotations

import psycopg
import pytest
from tests.fixtures.revisions import do

from fairlead.toolkit.losses import losses


@pytest.fixture
def filled_url(empty_url: str) -> str:
    """A database with three orders, two of which have a note."""
    do(
        empty_url,
        "create table orders (id int, note text, more json)",
        """insert into orders values (1, 'a', '{"a":1}'), (2, 'b', null), (3, null, null)""",
        "create table parts (id int) partition by list (id)",
        "create table part partition of parts default",
        "create type color as enum ('red')",
    )
    return empty_url


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DROP TABLE IF EXISTS orders CASCADE", "table orders: 3 row(s)"),
        ("-- why\ndrop table gone, public.orders", "table public.orders: 3 row(s)"),
        ('alter table orders drop "note"', 'column orders."note": 2 row(s)'),
        ("alter table only orders drop constraint a, drop column if exists note", "column orders.note: 2 row(s)"),
        ("alter table orders alter note set data type int", "what of orders.note does not fit its new type: 2 row(s)"),
        ("delete from orders where id = 1", "rows of orders: 3 row(s)"),
        ("truncate table orders", "rows of orders: 3 row(s)"),
        ("alter table orders alter column id type smallint using id * 20000", "what of orders.id does not fit its ne"),
        ("do $$ begin null; end $$", "whatever this block does, which cannot be told beforehand"),
    ],
)
def test_what_is_thrown_away(filled_url: str, statement: str, what: str) -> None:
    """Tables, columns and rows that go are named, with the rows that are there."""
    with psycopg.connect(filled_url, autocommit=True) as driver:
        [loss] = losses([statement], driver)
        assert loss.sentence.startswith(what)


@pytest.mark.parametrize(
    "statement",
    [
        "alter table orders alter column note drop not null",
        "alter table orders drop constraint orders_check",
        "alter table orders alter column id type bigint, alter column note type text using trim(note)",
        "drop index orders_idx",
        "drop table gone",
        "drop type color",
        "alter table orders alter column id type smallint",
        "alter table orders alter column note type varchar(1)",
        "alter table orders alter column more type jsonb using more::jsonb",
        "drop table part",
        "alter table parts drop column id",
        "create table invoices (id int)",
        "update orders set note = ''",
    ],
)
def test_what_throws_nothing_away(filled_url: str, statement: str) -> None:
    """Constraints, indexes, defaults, and tables that are not there, hold no rows."""
    with psycopg.connect(filled_url, autocommit=True) as driver:
        assert losses([statement], driver) == []


def test_rows_that_row_security_hides_are_estimated(filled_url: str) -> None:
    """Where row security would hide rows, the server's estimate is told instead of a count of what one may see."""
    do(
        filled_url,
        "alter table orders enable row level security",
        "alter table orders force row level security",
        "analyze orders",
    )
    with psycopg.connect(filled_url, autocommit=True) as driver:
        [loss] = losses(["drop table orders"], driver)
        assert (loss.rows, loss.is_estimate) == (3, True)
        do(filled_url, "truncate orders")
        assert losses(["drop table orders"], driver) == []  # it has no page, which nothing hides


def test_an_enum_that_is_made_anew(empty_url: str) -> None:
    """Where a value goes from an enum, the rows that have it are what would not fit, and no others."""
    do(
        empty_url,
        "create type color as enum ('red', 'blue')",
        "create table cars (color color, more color[])",
        "insert into cars values ('red', '{red}'), ('blue', '{red,blue}'), ('red', null)",
    )
    way = [
        "alter type color rename to color_before",
        "create type color as enum ('red')",
        "alter table cars alter column color type color using color::text::color",
        "alter table cars alter column more type color[] using more::text[]::color[]",
        "drop type color_before",
    ]
    with psycopg.connect(empty_url, autocommit=True) as driver:
        assert [loss.sentence for loss in losses(way, driver)] == [
            "what of cars.color does not fit its new type: 1 row(s)",
            "what of cars.more does not fit its new type: 1 row(s)",
        ]
        do(empty_url, "delete from cars where color = 'blue'")
        assert losses(way, driver) == []
