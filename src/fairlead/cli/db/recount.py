"""`fairlead db recount`: count the items of each queue anew."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairlead.bootstrap import Resources
from fairlead.cli.create import done
from fairlead.cli.db.corrections import show_corrections
from fairlead.cli.output import AsJson
from fairlead.cli.running import command
from fairlead.db.tenancy import system, tenant
from fairlead.errors import NotFound
from fairlead.queries.depths import find_queue_keys
from fairlead.services.accounts import recount_queue

_OPERATOR = system("an operator's command")


@command
def recount(
    *,
    organization: Annotated[
        str, typer.Option("--organization", help="Only this organization's queues, by its slug.", metavar="SLUG")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Count the items of each queue anew, after items were moved by hand or by an older release; nobody has to stop."""

    async def work(resources: Resources) -> list[dict[str, Any]]:
        async with resources.database.unit_of_work(_OPERATOR) as session:
            queues = await find_queue_keys(session, _OPERATOR, slugs=[organization] if organization else [])
        if organization and not queues:
            raise NotFound(f"There is no organization with the slug {organization!r}, or it has no queues.")
        wrong = []
        for queue in queues:
            scope = tenant(queue.organization_id)
            async with resources.database.unit_of_work(scope) as session:
                wrong_by = await recount_queue(session, scope, queue_id=queue.queue_id)
            if wrong_by:
                wrong.append({"organization": queue.organization_slug, "queue": queue.queue_name, "wrongBy": wrong_by})
        return wrong

    show_corrections(done(work), as_json=as_json, title="Counters that were wrong")
