"""Generated from schema/item_counters.py by `make golden`; do not edit.

`ItemCounter` is one row of `item_counters` as it is read, `NewItemCounter` what may be given to make one.
"""

from dataclasses import dataclass
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class ItemCounter:
    """How many items of one queue entered (or, negative, left) each status."""

    id: int
    organization_id: str
    queue_id: str
    waiting: int
    processing: int
    completed: int
    failed: int
    cancelled: int


class NewItemCounter(TypedDict):
    """What may be given for a new row of `item_counters`."""

    queue_id: str
    waiting: NotRequired[int]
    processing: NotRequired[int]
    completed: NotRequired[int]
    failed: NotRequired[int]
    cancelled: NotRequired[int]
