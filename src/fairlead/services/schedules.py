"""Schedules: items that come by the clock; making them, changing, pausing and removing them, all of it live.

A change holds from the next tick on that is not run yet. What a schedule owes is decided in `domain/schedules.py`, and
given by `engine/schedule.py`; here the time is read after the row is locked, so that no tick that was run comes again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypedDict, Unpack

import orjson

from fairlead.db.rows import NOW, delete_row, insert_row, lock_row, read_clock, update_row
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import cron as crons
from fairlead.domain import json_values, limits
from fairlead.domain.ids import new_id
from fairlead.domain.schedules import MISSED_RUNS, MissedRuns, tags_of
from fairlead.queries.queues import get_queue
from fairlead.queries.schedules import get_schedule
from fairlead.rows import Schedule
from fairlead.schema.schedules import Schedule as ScheduleTable
from fairlead.services import audit
from fairlead.services.checks import Check, named, problems, range_problem, ranged, refuse, refuse_fields
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.versions import refuse_other_version


class ScheduleRules(TypedDict, total=False):
    """What a schedule's items are, and which ticks that were missed get one (`domain/schedules.py`).

    `task` None is the queue's handler. `catch_up_limit` is for the policy 'catch_up': at most so many at once.
    """

    time_zone: str
    task: str | None
    payload: dict[str, Any]
    priority: int
    missed_runs: MissedRuns
    catch_up_limit: int


class ScheduleChanges(ScheduleRules, total=False):
    """The fields of a schedule that can be changed; what is not given stays."""

    name: str
    cron: str
    queue_id: str


def _cron_problem(value: Any) -> str | None:
    return crons.cron_problem(value) if isinstance(value, str) else "must be text"


def _zone_problem(value: Any) -> str | None:
    return crons.zone_problem(value) if isinstance(value, str) else "must be text"


def _task_problem(value: Any) -> str | None:
    return None if value is None else named(value)


def _payload_problem(value: Any) -> str | None:
    return json_values.object_problem(value, write=orjson.dumps, most_bytes=limits.PAYLOAD_BYTES)


def _missed_problem(value: Any) -> str | None:
    return None if value in MISSED_RUNS else f"must be one of {', '.join(MISSED_RUNS)}"


def _id_problem(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be text"


_CHECKS: Final[dict[str, Check]] = {
    "name": named,
    "queue_id": _id_problem,
    "cron": _cron_problem,
    "time_zone": _zone_problem,
    "task": _task_problem,
    "payload": _payload_problem,
    "priority": ranged(-limits.PRIORITY, limits.PRIORITY),
    "missed_runs": _missed_problem,
    "catch_up_limit": ranged(1, limits.CATCH_UP),
}


async def create_schedule(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str,
    name: str,
    cron: str,
    actor: audit.Actor = audit.OPERATOR,
    **rules: Unpack[ScheduleRules],
) -> Schedule:
    """Make a schedule; its first tick is the first after now. A rule that is not given has its default.

    Raises ValidationFailed naming every wrong field, NotFound when there is no such queue here, and Conflict when
    another schedule of the organization has that name.
    """
    values: dict[str, Any] = {"queue_id": queue_id, "name": name, "cron": cron, "time_zone": "UTC", **rules}
    refuse_fields(values, checks=_CHECKS)
    await get_queue(session, scope, queue_id=queue_id)
    next_run_at = await _next_tick(session, cron=cron, time_zone=values["time_zone"])
    values |= {"id": new_id(), "next_run_at": next_run_at}
    made = await insert_row(session, scope, ScheduleTable, values=values, model=Schedule)
    await audit.record_change(session, scope, actor=actor, action="schedule.created", kind="schedule", after=made)
    return made


async def update_schedule(
    session: Session,
    scope: TenantScope,
    *,
    schedule_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
    **changes: Unpack[ScheduleChanges],
) -> Schedule:
    """Change the fields given, and only those; a tick that is due and not run yet is run as the schedule is then.

    Only another expression or time zone begins anew, with its first tick after now: what the old one owed is dropped.
    `expected` is the version that the caller saw. Raises as `create_schedule` does, and PreconditionFailed for another.
    """
    refuse_fields(changes, checks=_CHECKS)
    if "queue_id" in changes:
        await get_queue(session, scope, queue_id=changes["queue_id"])
    held = await lock_row(session, scope, ScheduleTable, key={"id": schedule_id}, model=Schedule)
    refuse_other_version(held, expected=expected)
    values: dict[str, Any] = {**changes}
    if any(changes.get(field, getattr(held, field)) != getattr(held, field) for field in ("cron", "time_zone")):
        values |= await _beginning_anew(session, held, changes)
    return await _changed(
        session, scope, schedule_id=schedule_id, values=values, actor=actor, action="schedule.updated"
    )


async def pause_schedule(
    session: Session, scope: TenantScope, *, schedule_id: str, actor: audit.Actor = audit.OPERATOR
) -> Schedule:
    """Let a schedule make no items until it is resumed; a tick that is due and not run yet is dropped.

    A paused schedule keeps the instant of its pause. Raises NotFound.
    """
    held = await lock_row(session, scope, ScheduleTable, key={"id": schedule_id}, model=Schedule)
    values = {} if held.paused_at else {"paused_at": NOW, **_owing_nothing(None)}
    return await _changed(session, scope, schedule_id=schedule_id, values=values, actor=actor, action="schedule.paused")


async def resume_schedule(
    session: Session, scope: TenantScope, *, schedule_id: str, actor: audit.Actor = audit.OPERATOR
) -> Schedule:
    """Let a paused schedule go on with its first tick after now: those of the pause are not missed. Raises NotFound."""
    held = await lock_row(session, scope, ScheduleTable, key={"id": schedule_id}, model=Schedule)
    values: dict[str, Any] = {}
    if held.paused_at:
        tick = await _next_tick(session, cron=held.cron, time_zone=held.time_zone)
        values = {"paused_at": None, **_owing_nothing(tick)}
    return await _changed(
        session, scope, schedule_id=schedule_id, values=values, actor=actor, action="schedule.resumed"
    )


async def delete_schedule(
    session: Session,
    scope: TenantScope,
    *,
    schedule_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> None:
    """Delete a schedule for good; the items it made stay. Raises NotFound, and PreconditionFailed as an update does."""
    held = await lock_row(session, scope, ScheduleTable, key={"id": schedule_id}, model=Schedule)
    refuse_other_version(held, expected=expected)
    gone = await delete_row(session, scope, ScheduleTable, key={"id": schedule_id}, model=Schedule)
    await audit.record_change(session, scope, actor=actor, action="schedule.deleted", kind="schedule", before=gone)


async def run_schedule(
    session: Session, scope: TenantScope, *, schedule_id: str, actor: audit.Actor = audit.OPERATOR
) -> str:
    """Enqueue a schedule's item at once, whatever its clock says and paused or not; return the item's id.

    The ticks to come stay as they are. Raises NotFound, also when the queue is deleted, and QueueFull.
    """
    found = await get_schedule(session, scope, schedule_id=schedule_id)
    item = ItemInput(found.payload, task=found.task, priority=found.priority, tags=tags_of(found.id))
    async with session.savepoint():
        [item_id] = await enqueue_items(session, scope, queue_id=found.queue_id, items=[item])
        event = audit.Event("schedule.run", audit.Subject("schedule", found.id), after={"item_id": item_id})
        await audit.record(session, scope, actor=actor, events=[event])
    return item_id


async def preview_ticks(
    session: Session, _scope: TenantScope, *, cron: str, time_zone: str = "UTC", count: int = 10
) -> list[datetime]:
    """Return the next 1 to 100 ticks that a schedule would have, by the database's clock. Raises ValidationFailed."""
    given = {"cron": cron, "time_zone": time_zone}
    wrong = range_problem(count, least=1, most=limits.TICKS_SHOWN, whole=True)
    refuse({**problems(given, checks=_CHECKS), "count": wrong})
    after = await read_clock(session)
    return list(islice(crons.ticks(crons.parsed(cron, time_zone), after=after), count))


async def _next_tick(session: Session, *, cron: str, time_zone: str) -> datetime | None:
    return crons.next_tick(crons.parsed(cron, time_zone), after=await read_clock(session))


async def _beginning_anew(session: Session, held: Schedule, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what another expression or time zone changes; a paused schedule goes on owing nothing."""
    if held.paused_at:
        return {}
    given = {"cron": held.cron, "time_zone": held.time_zone, **changes}
    return _owing_nothing(await _next_tick(session, cron=given["cron"], time_zone=given["time_zone"]))


def _owing_nothing(next_tick: datetime | None) -> dict[str, Any]:
    return {"next_run_at": next_tick, "retry_at": None, "error_message": None}


async def _changed(
    session: Session, scope: TenantScope, *, schedule_id: str, values: dict[str, Any], actor: audit.Actor, action: str
) -> Schedule:
    key = {"id": schedule_id}
    before, after = await update_row(session, scope, ScheduleTable, key=key, values=values, model=Schedule)
    await audit.record_change(session, scope, actor=actor, action=action, kind="schedule", before=before, after=after)
    return after
