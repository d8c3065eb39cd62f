"""Generated from schema/organizations.py by `make golden`; do not edit.

`Organization` is one row of `organizations` as it is read, `NewOrganization` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Organization:
    """One tenant, its share of the worker fleet and its limits (null means none)."""

    id: str
    name: str
    slug: str
    weight: int
    max_queue_depth: int | None
    max_concurrency: int | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class NewOrganization(TypedDict):
    """What may be given for a new row of `organizations`."""

    id: NotRequired[str]
    name: str
    slug: str
    weight: NotRequired[int]
    max_queue_depth: NotRequired[int | None]
    max_concurrency: NotRequired[int | None]
    created_at: NotRequired[datetime]
    updated_at: NotRequired[datetime]
    deleted_at: NotRequired[datetime | None]
