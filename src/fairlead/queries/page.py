"""Lists, part by part: numbered pages with a total, and slices that follow a cursor for lists without end.

Every list is newest first, `(created_at desc, id desc)`, so that its order is total and stays. A page and its total
come from one statement and therefore one snapshot: they agree under any isolation. A page far down costs what lies
before it; a slice costs the same everywhere, and rows that appear meanwhile move nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, func, literal, select, true, tuple_

from fairlead.db.rows import columns, read_rows
from fairlead.db.session import Session
from fairlead.domain.limits import PAGE_ITEMS
from fairlead.errors import ValidationFailed

T = TypeVar("T")
LAST_PAGE: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that is asked for: pages count from 1. Raises ValidationFailed naming what is wrong."""

    page: int = 1
    limit: int = 20

    def __post_init__(self) -> None:
        """Refuse what no list has."""
        wrong = {}
        if not 1 <= self.page <= LAST_PAGE:
            wrong["page"] = f"must be between 1 and {LAST_PAGE}"
        if not 1 <= self.limit <= PAGE_ITEMS:
            wrong["limit"] = f"must be between 1 and {PAGE_ITEMS}"
        if wrong:
            raise ValidationFailed(details=wrong)

    @property
    def offset(self) -> int:
        """How many rows come before this part."""
        return (self.page - 1) * self.limit


@dataclass(frozen=True)  # with slots, Page[Item](…) fails on Python 3.11: typing sets an attribute
class Page(Generic[T]):
    """One page of a list, and how many there are altogether."""

    data: tuple[T, ...]
    page: int
    limit: int
    total: int

    @property
    def total_pages(self) -> int:
        """How many pages the whole list has; 0 for an empty one."""
        return -(-self.total // self.limit)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list: the row it names is the last one already seen."""

    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class After:
    """The part of a list that is asked for: up to `limit` rows after a position; None is the beginning.

    `skipped` rows are passed over first, which costs what they do.
    """

    position: Position | None = None
    limit: int = 20
    skipped: int = 0

    def __post_init__(self) -> None:
        """Refuse what no list has."""
        Window(limit=self.limit)


@dataclass(frozen=True)
class Slice(Generic[T]):
    """One part of a list, and where the next one starts; None when this was the last."""

    data: tuple[T, ...]
    next: Position | None


async def read_page(
    session: Session,
    table: Any,
    *,
    where: Sequence[ColumnElement[bool]],
    window: Window,
    model: Callable[..., T],
    key: Sequence[str] = ("id",),
) -> Page[T]:
    """Return the page of `table`, whose rows `key` tells apart, that `window` asks for, and the total with it.

    The page's ids come first, from an index alone where there is one; the rest is counted only when the page does not
    tell the total itself: a page that is not full is the last one.
    """
    keys = [getattr(table, name) for name in key]
    shown = (
        _newest_first(select(table.created_at, *keys).where(*where), table).limit(window.limit).offset(window.offset)
    )
    part = shown.cte("part").prefix_with("materialized")
    found = select(func.count().label("rows")).select_from(part).cte("found")
    all_of_them = select(func.count()).select_from(table).where(*where).scalar_subquery()
    last = (found.c.rows < window.limit) & ((found.c.rows > 0) | literal(window.offset == 0))
    total = case((last, found.c.rows + literal(window.offset, BigInteger)), else_=all_of_them)
    same_row = and_(*(column == part.c[column.key] for column in keys))
    statement = (
        select(total, table.id.is_not(None), *columns(table, model))
        .select_from(found.outerjoin(part, true()).outerjoin(table, same_row))
        .order_by(part.c.created_at.desc(), part.c.id.desc())
    )
    rows: Sequence[Any] = (await session.execute(statement)).all()
    data = tuple(model(*row[2:]) for row in rows if row[1])
    return Page(data, window.page, window.limit, rows[0][0])


async def read_slice(
    session: Session, table: Any, *, where: Sequence[ColumnElement[bool]], after: After, model: Callable[..., Any]
) -> Slice[Any]:
    """Return the slice of `table` that `after` asks for; walks the index that lists of this table have."""
    statement = _newest_first(select(*columns(table, model)).where(*where), table)
    if after.position is not None:
        place = tuple_(literal(after.position.created_at), literal(after.position.id))
        statement = statement.where(tuple_(table.created_at, table.id) < place)
    if after.skipped:
        statement = statement.offset(after.skipped)
    rows = await read_rows(session, statement.limit(after.limit + 1), model=model)
    return sliced(rows, limit=after.limit)


def sliced(rows: Sequence[Any], *, limit: int) -> Slice[Any]:
    """Return the slice that `limit` + 1 rows make, if there are so many; every row has `created_at` and `id`."""
    data = tuple(rows[:limit])
    return Slice(data, Position(data[-1].created_at, data[-1].id) if len(rows) > limit else None)


def _newest_first(statement: Select[Any], table: Any) -> Select[Any]:
    return statement.order_by(table.created_at.desc(), table.id.desc())
