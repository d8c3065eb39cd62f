"""Pages: which part of a list is asked for, and what comes back, with the total under the same filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

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
