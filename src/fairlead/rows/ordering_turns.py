"""Generated from schema/ordering_turns.py by `make golden`; do not edit.

`OrderingTurn` is one row of `ordering_turns` as it is read, `NewOrderingTurn` what may be given to make one.
"""

from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True, slots=True)
class OrderingTurn:
    """One ordering key of one queue to look at."""

    id: int
    organization_id: str
    queue_id: str
    ordering_key: str


class NewOrderingTurn(TypedDict):
    """What may be given for a new row of `ordering_turns`."""

    queue_id: str
    ordering_key: str
