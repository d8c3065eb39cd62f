"""Generated from schema/workers.py by `make golden`; do not edit.

`Worker` is one row of `workers` as it is read, `NewWorker` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Worker:
    """One boot of one worker process; its id is fresh at every start."""

    id: str
    host: str
    process_id: int
    version: str
    queues: list[str]
    concurrency: int
    info: dict[str, Any]
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None


class NewWorker(TypedDict):
    """What may be given for a new row of `workers`."""

    id: NotRequired[str]
    host: str
    process_id: int
    version: str
    queues: NotRequired[list[str]]
    concurrency: int
    info: NotRequired[dict[str, Any]]
    started_at: NotRequired[datetime]
    seen_at: NotRequired[datetime]
    stopped_at: NotRequired[datetime | None]
