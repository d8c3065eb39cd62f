"""Generated from schema/second_factors.py by `make golden`; do not edit.

`SecondFactor` is one row of `second_factors` as it is read, `NewSecondFactor` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """One person's; asked for at sign-in once it is confirmed. No code of `last_step` or before is taken again."""

    user_id: str
    last_step: int
    confirmed_at: datetime | None
    created_at: datetime


class NewSecondFactor(TypedDict):
    """What may be given for a new row of `second_factors`."""

    user_id: str
    sealed_secret: bytes
    last_step: NotRequired[int]
    confirmed_at: NotRequired[datetime | None]
    created_at: NotRequired[datetime]
