from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import psycopg
import pytest
from psycopg import sql

from fairlead.errors import ValidationFailed
from fairlead.studio.keyset import Order, beyond, from_cursor, order_by, to_cursor

ROWS = [(number, value) for number, value in enumerate([None, "b", "a", None, "b", "a", "", None, "c"])]


@pytest.fixture
def connection(process_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection with a table of nine rows, some values the same and some null."""
    with psycopg.connect(process_url) as opened:
        opened.execute('create temporary table nine (id int primary key, value text collate "C")')
        opened.cursor().executemany("insert into nine values (%s, %s)", ROWS)
        yield opened


def _read(
    connection: psycopg.Connection[Any], order: Order, position: list[str | None] | None, limit: int
) -> list[Any]:
    where, values = beyond(order, position) if position else (sql.SQL("true"), [])
    shown = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in order.columns)
    query = sql.SQL("select {} from nine t where {} order by {} limit {}").format(shown, where, order_by(order), limit)
    return connection.execute(query, values).fetchall()


@pytest.mark.parametrize(("sort", "down"), list(product([None, "value"], [False, True])))
@pytest.mark.parametrize("size", [1, 2, 4])
def test_pages_are_the_whole_in_its_order(
    connection: psycopg.Connection[Any], sort: str | None, down: bool, size: int
) -> None:
    """Page by page every row comes once, in the order of one long page, nulls and equal values included; also back."""
    order = Order(("id",), sort, nullable=True, down=down)
    whole = _read(connection, order, None, 100)
    assert len(whole) == len(ROWS)
    for way, expected in ((order, whole), (order.turned(), whole[::-1])):
        found: list[Any] = []
        while page := _read(connection, way, list(found[-1]) if found else None, size):
            found += page
        assert found == expected


def test_a_composite_key(connection: psycopg.Connection[Any]) -> None:
    """A key of several columns is compared as one, which an index can be walked by."""
    order = Order(("value", "id"))
    condition, values = beyond(order, ["a", "2"])
    assert condition.as_string(connection) == '("value", "id") > (%s, %s)'
    assert values == ["a", "2"]


def test_a_cursor_comes_back() -> None:
    """A position survives its way through an address; what is none of this order is refused."""
    order = Order(("id",), "value", nullable=True)
    assert from_cursor(to_cursor(["é/+", None]), order) == ["é/+", None]
    for wrong in ("", "x", to_cursor(["one"]), to_cursor(["a", "b", "c"]), "W3t9LDFd"):
        with pytest.raises(ValidationFailed):
            from_cursor(wrong, order)


def test_positions_are_parameters() -> None:
    """No value of a position becomes SQL."""
    for sort, down, nullable in product([None, "value"], [False, True], [False, True]):
        order = Order(("id",), sort, nullable=nullable, down=down)
        position: list[str | None] = ["'; drop table nine; --"] * len(order.columns)
        assert "drop" not in beyond(order, position)[0].as_string(None)
