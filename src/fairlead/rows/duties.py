"""Generated from schema/duties.py by `make golden`; do not edit.

`Duty` is one row of `duties` as it is read, `NewDuty` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict


@dataclass(frozen=True, slots=True)
class Duty:
    """One kind of periodic work; a duty without a row is due."""

    name: str
    due_at: datetime


class NewDuty(TypedDict):
    """What may be given for a new row of `duties`."""

    name: str
    due_at: datetime
