"""Generated from schema/unique_periods.py by `make golden`; do not edit.

`UniquePeriod` is one row of `unique_periods` as it is read, `NewUniquePeriod` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict


@dataclass(frozen=True, slots=True)
class UniquePeriod:
    """One key of one queue, the item that has it, and until when."""

    organization_id: str
    queue_id: str
    unique_key: str
    item_id: str
    expires_at: datetime


class NewUniquePeriod(TypedDict):
    """What may be given for a new row of `unique_periods`."""

    queue_id: str
    unique_key: str
    item_id: str
    expires_at: datetime
