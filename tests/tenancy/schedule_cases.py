"""How each public function of schedules is aimed at another organization, and at a ghost."""

from __future__ import annotations

from typing import Any, Final

from tests.tenancy.case import Case
from tests.tenancy.world import Target

from fairlead.db.session import Session
from fairlead.queries import schedules as queries
from fairlead.queries.page import Window
from fairlead.services import schedules

ALL: Final = Window(1, 100)


async def _is_any_due(session: Session, scope: Any, _own: Target, _at: Target) -> object:
    return await queries.seconds_until_due(session, scope) is not None


SYSTEM_SCHEDULE_CASES: Final[dict[str, Case]] = {"queries.schedules.seconds_until_due": Case(_is_any_due)}
SCHEDULE_CASES: Final[dict[str, Case]] = {
    "queries.schedules.get_schedule": Case(
        lambda s, scope, _, at: queries.get_schedule(s, scope, schedule_id=at.schedule_id)
    ),
    "queries.schedules.get_schedule_by_name": Case(
        lambda s, scope, _, at: queries.get_schedule_by_name(s, scope, name=at.schedule_name)
    ),
    "queries.schedules.get_schedule_page": Case(
        lambda s, scope, _, __: queries.get_schedule_page(s, scope, window=ALL)
    ),
    "queries.schedules.get_schedule_page of a queue": Case(
        lambda s, scope, _, at: queries.get_schedule_page(
            s, scope, window=ALL, queue_id=at.queue_id, search=at.schedule_name, paused=False, failing=False
        )
    ),
    "queries.schedules.get_next_ticks": Case(
        lambda s, scope, _, at: queries.get_next_ticks(s, scope, schedule_id=at.schedule_id)
    ),
    "services.schedules.create_schedule": Case(
        lambda s, scope, _, at: schedules.create_schedule(s, scope, queue_id=at.queue_id, name="mine", cron="@daily")
    ),
    "services.schedules.create_schedule of the same name": Case(
        lambda s, scope, own, at: schedules.create_schedule(
            s, scope, queue_id=own.queue_id, name=at.schedule_name, cron="@daily"
        ),
        own=False,
    ),
    "services.schedules.update_schedule": Case(
        lambda s, scope, _, at: schedules.update_schedule(s, scope, schedule_id=at.schedule_id, cron="@hourly")
    ),
    "services.schedules.update_schedule into their queue": Case(
        lambda s, scope, own, at: schedules.update_schedule(s, scope, schedule_id=own.schedule_id, queue_id=at.queue_id)
    ),
    "services.schedules.pause_schedule": Case(
        lambda s, scope, _, at: schedules.pause_schedule(s, scope, schedule_id=at.schedule_id)
    ),
    "services.schedules.resume_schedule": Case(
        lambda s, scope, _, at: schedules.resume_schedule(s, scope, schedule_id=at.schedule_id)
    ),
    "services.schedules.delete_schedule": Case(
        lambda s, scope, _, at: schedules.delete_schedule(s, scope, schedule_id=at.schedule_id)
    ),
    "services.schedules.run_schedule": Case(
        lambda s, scope, _, at: schedules.run_schedule(s, scope, schedule_id=at.schedule_id)
    ),
    "services.schedules.preview_ticks": Case(lambda s, scope, _, __: schedules.preview_ticks(s, scope, cron="@daily")),
}
