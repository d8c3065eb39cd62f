"""Generated from schema/schedules.py by `make golden`; do not edit.

`Schedule` is one row of `schedules` as it is read, `NewSchedule` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Schedule:
    """One cron expression in one time zone, and the item it makes at each tick."""

    id: str
    organization_id: str
    queue_id: str
    name: str
    cron: str
    time_zone: str
    task: str | None
    payload: dict[str, Any]
    priority: int
    missed_runs: str
    catch_up_limit: int
    next_run_at: datetime | None
    last_run_at: datetime | None
    paused_at: datetime | None
    created_at: datetime
    updated_at: datetime
    retry_at: datetime | None
    error_message: str | None


class NewSchedule(TypedDict):
    """What may be given for a new row of `schedules`."""

    id: NotRequired[str]
    queue_id: str
    name: str
    cron: str
    time_zone: NotRequired[str]
    task: NotRequired[str | None]
    payload: NotRequired[dict[str, Any]]
    priority: NotRequired[int]
    missed_runs: NotRequired[str]
    catch_up_limit: NotRequired[int]
    next_run_at: NotRequired[datetime | None]
    last_run_at: NotRequired[datetime | None]
    paused_at: NotRequired[datetime | None]
    created_at: NotRequired[datetime]
    updated_at: NotRequired[datetime]
    retry_at: NotRequired[datetime | None]
    error_message: NotRequired[str | None]
