"""`fairlead queue list|show`: how an organization's queues stand, from their counters."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairlead.bootstrap import Resources
from fairlead.cli.create import OrganizationSlug, done, queues, scope_of
from fairlead.cli.output import AsJson, messages, show, show_json, show_rows, to_json
from fairlead.cli.running import command
from fairlead.queries.depths import Depth, get_depth, get_depths
from fairlead.queries.queues import get_queue_by_name

__all__ = ["queues"]


@queues.command("list")
@command
def list_queues(*, organization: OrganizationSlug, as_json: AsJson = False) -> None:
    """List an organization's queues with how many items each has by status, and how long the oldest has waited."""

    async def work(resources: Resources) -> list[Depth]:
        scope = await scope_of(resources, organization)
        async with resources.database.unit_of_work(scope) as session:
            return await get_depths(session, scope)

    rows = [_told(depth) for depth in done(work)]
    if as_json:
        show_json({"queues": rows})
    elif rows:
        show_rows(rows, title="Queues")
    else:
        messages.print("The organization has no queues.")


@queues.command("show")
@command
def show_queue(
    name: Annotated[str, typer.Argument(help="The queue's name.")],
    *,
    organization: OrganizationSlug,
    as_json: AsJson = False,
) -> None:
    """Show a queue's rules and how many items it has by status."""

    async def work(resources: Resources) -> dict[str, Any]:
        scope = await scope_of(resources, organization)
        async with resources.database.unit_of_work(scope) as session:
            queue = await get_queue_by_name(session, scope, name=name)
            return {**to_json(queue), **_told(await get_depth(session, scope, queue_id=queue.id))}

    show(done(work), as_json=as_json, title="Queue")


def _told(depth: Depth) -> dict[str, Any]:
    told: dict[str, Any] = to_json(depth)
    del told["at"], told["oldestSince"]
    return {**told, "oldestSeconds": depth.oldest_seconds}
