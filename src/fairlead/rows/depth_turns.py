"""Generated from schema/depth_turns.py by `make golden`; do not edit.

`DepthTurn` is one row of `depth_turns` as it is read, `NewDepthTurn` what may be given to make one.
"""

from dataclasses import dataclass
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class DepthTurn:
    """One queue with a limited depth, or with `queue_id` empty an organization that limits its queues together."""

    organization_id: str
    queue_id: str
    turn: int


class NewDepthTurn(TypedDict):
    """What may be given for a new row of `depth_turns`."""

    queue_id: str
    turn: NotRequired[int]
