"""Schedules as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from fairlead.domain import limits
from fairlead.domain.schedules import MissedRuns
from fairlead.wire.base import Changes, Received, Sent
from fairlead.wire.values import EXAMPLE_ID, AnId, Name, Payload, Priority, Text

CronText = Annotated[Text, Field(min_length=1, max_length=limits.CRON_CHARACTERS, examples=["0 9 * * 1-5"])]
ZoneName = Annotated[Text, Field(min_length=1, max_length=limits.NAME_CHARACTERS, examples=["Europe/Berlin"])]
CatchUp = Annotated[int, Field(ge=1, le=limits.CATCH_UP)]
TickCount = Annotated[int, Field(ge=1, le=limits.TICKS_SHOWN)]


class ScheduleRules(Received):
    """What a schedule's items are, and which ticks that were missed get one."""

    time_zone: ZoneName = "UTC"
    task: Name | None = None
    payload: Annotated[Payload, Field(default_factory=dict)]
    priority: Priority = 0
    missed_runs: MissedRuns = "run_once"
    catch_up_limit: CatchUp = 10


class NewSchedule(ScheduleRules):
    """A schedule to be made; a rule that is not given has its default."""

    queue_id: AnId
    name: Annotated[Name, Field(examples=["every morning"])]
    cron: CronText


class UpdateSchedule(ScheduleRules, Changes):
    """Fields of a schedule to be changed; what is not given stays."""

    queue_id: AnId = ""
    name: Annotated[Name, Field(examples=["every morning"])] = ""
    cron: CronText = ""


class TicksAsked(Received):
    """An expression to be tried out, and how many ticks to tell."""

    cron: CronText
    time_zone: ZoneName = "UTC"
    count: TickCount = 10


class ScheduleOut(Sent):
    """One schedule. `nextRunAt` is null while it is paused; `errorMessage` says why it could not enqueue last."""

    id: str = Field(examples=[EXAMPLE_ID])
    queue_id: str = Field(examples=[EXAMPLE_ID])
    name: str
    cron: str
    time_zone: str
    task: str | None
    payload: dict[str, Any]
    priority: int
    missed_runs: MissedRuns
    catch_up_limit: int
    next_run_at: datetime | None
    last_run_at: datetime | None
    paused_at: datetime | None
    retry_at: datetime | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime
