"""Pages by key: where a page begins is a row's sort value and key, never an offset.

The order is total, since the key ends it: a page is found by its index however far down it is, and rows that come or go
elsewhere neither repeat nor hide others. Nulls stand where an index keeps them: last upwards, first downwards.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from psycopg import sql

from fairlead.errors import ValidationFailed
from fairlead.studio.naming import named


@dataclass(frozen=True, slots=True)
class Order:
    """By `sort` if there is one, then by the key, all in one direction."""

    key: tuple[str, ...]
    sort: str | None = None
    nullable: bool = False  # the sort column's values may be
    down: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns a position is made of."""
        return self.key if self.sort is None or self.sort in self.key[:1] else (self.sort, *self.key)

    def turned(self) -> Order:
        """Return the opposite order, which a page before another is read in."""
        return Order(self.key, self.sort, self.nullable, not self.down)


def order_by(order: Order) -> sql.Composable:
    """Return the `order by` of a page of the table `t`.

    A bare name would mean what the page shows under it, which is text: sorted as such, and by no index.
    """
    direction = sql.SQL("desc nulls first" if order.down else "asc nulls last")
    terms = [sql.SQL("{} {}").format(named("t", name), direction) for name in order.columns]
    return sql.SQL(", ").join(terms)


def beyond(order: Order, position: Sequence[str | None]) -> tuple[sql.Composable, list[str]]:
    """Return the condition that a row comes after `position`, and its parameters."""
    sort, *rest = position
    sign = sql.SQL("<" if order.down else ">")
    if order.columns == order.key or not order.nullable:
        return _compared(order.columns, sign), [str(value) for value in position]
    column, after_key = named(order.columns[0]), _compared(order.key, sign)
    key = [str(value) for value in rest]
    if sort is None:
        same = sql.SQL("({} is null and {})").format(column, after_key)
        return (sql.SQL("({} or {} is not null)").format(same, column) if order.down else same), key
    further = _compared(order.columns, sign)
    return (further if order.down else sql.SQL("({} or {} is null)").format(further, column)), [sort, *key]


def _compared(columns: Sequence[str], sign: sql.SQL) -> sql.Composable:
    names = sql.SQL(", ").join(map(named, columns))
    marks = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
    return sql.SQL("({}) {} ({})").format(names, sign, marks)


def to_cursor(position: Sequence[str | None]) -> str:
    """Return a position as it stands in an address."""
    return base64.urlsafe_b64encode(orjson.dumps(list(position))).decode().rstrip("=")


def from_cursor(cursor: str, order: Order) -> list[str | None]:
    """Return the position; raises ValidationFailed for what is none of this order."""
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        found = None
    if (
        not isinstance(found, list)
        or len(found) != len(order.columns)
        or not all(isinstance(v, str | None) for v in found)
    ):
        raise ValidationFailed("This page's address was made for another order; start from the first page.")
    return found
