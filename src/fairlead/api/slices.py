"""Lists without end over HTTP: by page for a glance, by cursor for walking all of it.

A cursor is signed and bound to the organization, the list and its filter (`queries/cursors.py`); how many are wanted at
a time may change on the way. Totals are what the caller of `slice_of` knows without counting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Query
from starlette.responses import Response

from fairlead.api.answers import Shape, answer
from fairlead.domain.limits import PAGE_ITEMS
from fairlead.errors import ValidationFailed
from fairlead.queries.cursors import seal, unseal
from fairlead.queries.page import LAST_PAGE, After, Slice
from fairlead.wire.page import SliceData, SlicePagination

_CURSOR_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class List:
    """Which list a cursor belongs to: whose, of what, under which filter, and the secret that signs its cursors."""

    secret: bytes
    organization_id: str
    name: str
    filters: Mapping[str, Any]

    @property
    def text(self) -> str:
        """All of it as a text that no other list has."""
        told = [self.organization_id, self.name, sorted(self.filters.items())]
        return orjson.dumps(told, default=sorted).decode()


@dataclass(frozen=True, slots=True)
class Asked:
    """The part of a list that is asked for: what follows a cursor, or, without one, a page."""

    page: int
    limit: int
    cursor: str | None

    def after(self, of: List) -> After:
        """Return the part as queries take it; raises ValidationFailed for a cursor that is not of this list."""
        if self.cursor is None:
            return After(None, self.limit, (self.page - 1) * self.limit)
        return After(unseal(self.cursor, secret=of.secret, of=of.text), self.limit)


def slice_of(part: Slice[Any], shape: type[Shape], *, asked: Asked, of: List, total: int | None) -> Response:
    """Return a part of a list in `shape`; `total` is None where nobody keeps count."""
    pagination = SlicePagination(
        page=asked.page if asked.cursor is None else None,
        limit=asked.limit,
        total=total,
        total_pages=None if total is None else -(-total // asked.limit),
        next_cursor=None if part.next is None else seal(part.next, secret=of.secret, of=of.text),
    )
    data = [shape.model_validate(value) for value in part.data]
    return answer(SliceData[shape](data=data, pagination=pagination))  # type: ignore[valid-type]  # pydantic's generic is made at run time


async def _asked(
    page: Annotated[int | None, Query(ge=1, le=LAST_PAGE)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_ITEMS)] = 20,
    cursor: Annotated[
        str | None, Query(max_length=_CURSOR_CHARACTERS, description="`nextCursor` of the part before this one.")
    ] = None,
) -> Asked:
    if page is not None and cursor is not None:
        raise ValidationFailed(details={"page": "cannot be combined with a cursor"})
    return Asked(page or 1, limit, cursor)


PartAsked = Annotated[Asked, Depends(_asked)]
