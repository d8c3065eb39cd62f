"""Generated from schema/buckets.py by `make golden`; do not edit.

`Bucket` is one row of `buckets` as it is read, `NewBucket` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit; `full_at` is when nothing of it will be used any more. A bucket without a row is full."""

    name: str
    full_at: datetime
    taken: int


class NewBucket(TypedDict):
    """What may be given for a new row of `buckets`."""

    name: str
    full_at: datetime
    taken: NotRequired[int]
