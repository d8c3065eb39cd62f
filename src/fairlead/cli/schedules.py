"""`fairlead schedule create|list|pause|resume|run|delete`: an organization's schedules, by their names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
import typer

from fairlead.bootstrap import Resources
from fairlead.cli.create import OrganizationSlug, done, scope_of
from fairlead.cli.output import AsJson, show, show_json, show_rows, to_json
from fairlead.cli.running import command
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.schedules import MissedRuns
from fairlead.errors import NotFound, ValidationFailed
from fairlead.queries.page import Window
from fairlead.queries.queues import get_queue_by_name
from fairlead.queries.schedules import get_schedule_by_name, get_schedule_page
from fairlead.rows import Schedule
from fairlead.services import schedules as services

group = typer.Typer(help="Schedules: items that come by the clock.", no_args_is_help=True)

ScheduleName = Annotated[str, typer.Argument(help="The schedule's name.")]
_SHOWN = ("name", "cron", "time_zone", "next_run_at", "last_run_at", "paused_at", "error_message")


@group.command("create")
@command
def create(
    name: ScheduleName,
    *,
    organization: OrganizationSlug,
    queue: Annotated[str, typer.Option(help="The queue its items enter, by its name.", metavar="NAME")],
    cron: Annotated[str, typer.Option(help="Five fields, such as '30 6 * * MON-FRI', or @daily.")],
    time_zone: Annotated[str, typer.Option(help="Whose clocks count, such as Europe/Berlin.")] = "UTC",
    task: Annotated[str | None, typer.Option(help="The handler; default: the queue's.")] = None,
    payload: Annotated[str, typer.Option(help="The items' payload, a JSON object.")] = "{}",
    priority: Annotated[int, typer.Option(help="Higher comes first.")] = 0,
    missed_runs: Annotated[MissedRuns, typer.Option(help="What becomes of runs that were missed.")] = "run_once",
    catch_up_limit: Annotated[int, typer.Option(help="How many of them catch_up makes up for at once.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Create a schedule."""

    async def work(resources: Resources) -> Schedule:
        scope = await scope_of(resources, organization)
        async with resources.database.unit_of_work(scope) as session:
            return await services.create_schedule(
                session,
                scope,
                queue_id=await _queue_id(session, scope, queue),
                name=name,
                cron=cron,
                time_zone=time_zone,
                task=task,
                payload=_object(payload),
                priority=priority,
                missed_runs=missed_runs,
                catch_up_limit=catch_up_limit,
            )

    show(done(work), as_json=as_json, title="Schedule")


@group.command("list")
@command
def list_them(
    *,
    organization: OrganizationSlug,
    page: Annotated[int, typer.Option(help="Which hundred, from 1.")] = 1,
    as_json: AsJson = False,
) -> None:
    """List schedules, newest first, a hundred a page."""

    async def work(resources: Resources) -> Any:
        scope = await scope_of(resources, organization)
        async with resources.database.unit_of_work(scope) as session:
            return await get_schedule_page(session, scope, window=Window(page=page, limit=100))

    found = done(work)
    if as_json:
        show_json({"data": to_json(found.data), "total": found.total})
    elif found.data:
        rows = [{column: to_json(getattr(each, column)) for column in _SHOWN} for each in found.data]
        show_rows(rows, title=f"Schedules ({found.total})")


@group.command("pause")
@command
def pause(name: ScheduleName, *, organization: OrganizationSlug, as_json: AsJson = False) -> None:
    """Let a schedule make no items until it is resumed."""
    show(_with(name, organization, services.pause_schedule), as_json=as_json, title="Schedule")


@group.command("resume")
@command
def resume(name: ScheduleName, *, organization: OrganizationSlug, as_json: AsJson = False) -> None:
    """Let a paused schedule go on; the ticks of its pause are not made up for."""
    show(_with(name, organization, services.resume_schedule), as_json=as_json, title="Schedule")


@group.command("run")
@command
def run_now(name: ScheduleName, *, organization: OrganizationSlug, as_json: AsJson = False) -> None:
    """Enqueue a schedule's item at once, whatever its clock says."""
    show({"itemId": _with(name, organization, services.run_schedule)}, as_json=as_json, title="Item")


@group.command("delete")
@command
def delete(name: ScheduleName, *, organization: OrganizationSlug, as_json: AsJson = False) -> None:
    """Delete a schedule; the items it made stay."""
    _with(name, organization, services.delete_schedule)
    show({"deleted": name}, as_json=as_json, title="Schedule")


def _with(name: str, organization: str, service: Callable[..., Awaitable[Any]]) -> Any:
    """Call a service for the schedule of that name, and return what it returns."""

    async def work(resources: Resources) -> Any:
        scope = await scope_of(resources, organization)
        async with resources.database.unit_of_work(scope) as session:
            try:
                found = await get_schedule_by_name(session, scope, name=name)
            except NotFound:
                raise NotFound(f"The organization {organization!r} has no schedule {name!r}.") from None
            return await service(session, scope, schedule_id=found.id)

    return done(work)


async def _queue_id(session: Session, scope: TenantScope, name: str) -> str:
    try:
        return (await get_queue_by_name(session, scope, name=name)).id
    except NotFound:
        raise NotFound(f"There is no queue {name!r} in this organization.") from None


def _object(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValidationFailed(details={"payload": 'must be a JSON object, such as \'{"kind": "daily"}\''}) from None
