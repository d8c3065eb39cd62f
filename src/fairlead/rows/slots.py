"""Generated from schema/slots.py by `make golden`; do not edit.

`Slot` is one row of `slots` as it is read, `NewSlot` what may be given to make one.
"""

from dataclasses import dataclass
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Slot:
    """One queue's use, or with `queue_id` empty a whole organization's; `taken` counts items with `counted` set."""

    organization_id: str
    queue_id: str
    taken: int
    rate_slice: int
    rate_started: list[int]


class NewSlot(TypedDict):
    """What may be given for a new row of `slots`."""

    queue_id: str
    taken: NotRequired[int]
    rate_slice: NotRequired[int]
    rate_started: NotRequired[list[int]]
