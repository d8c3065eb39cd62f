"""The envelopes: one thing, a list, a page of a list."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import Field

from fairlead.wire.base import Sent

T = TypeVar("T")


class Data(Sent, Generic[T]):
    """One thing, or all there is."""

    data: T


class Pagination(Sent):
    """Which part of a list this is, and how much there is under the same filter."""

    page: int = Field(ge=1, examples=[1])
    limit: int = Field(ge=1, le=100, examples=[20])
    total: int = Field(ge=0, examples=[41])
    total_pages: int = Field(ge=0, examples=[3])


class PageData(Sent, Generic[T]):
    """A page of a list."""

    data: list[T]
    pagination: Pagination


class SlicePagination(Sent):
    """Which part of a list without end this is. `nextCursor` leads to the next part, and is null after the last.

    `page` is null where a cursor was given; `total` is null where nobody keeps count under such a filter.
    """

    page: int | None = Field(ge=1, examples=[1])
    limit: int = Field(ge=1, le=100, examples=[20])
    total: int | None = Field(ge=0, examples=[41])
    total_pages: int | None = Field(ge=0, examples=[3])
    next_cursor: str | None


class SliceData(Sent, Generic[T]):
    """A part of a list without end."""

    data: list[T]
    pagination: SlicePagination
