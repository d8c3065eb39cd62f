"""`fairlead db …`: the schema of the database."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairlead.bootstrap import Resources, database_server, direct_url
from fairlead.cli.create import done
from fairlead.cli.output import AsJson, messages, show_json, show_rows, to_json
from fairlead.cli.running import command, loaded
from fairlead.db import migrate as migrations
from fairlead.db.tenancy import system, tenant
from fairlead.errors import NotFound
from fairlead.queries.depths import find_queue_keys
from fairlead.services.accounts import reconcile_slots, recount_queue

group = typer.Typer(help="The database's schema, and the accounts of what is in it.", no_args_is_help=True)

_OPERATOR = system("an operator's command")


@group.callback()
def root() -> None:
    """The database's schema."""


@group.command("migrate")
@command
def migrate(*, as_json: AsJson = False) -> None:
    """Bring the database to the newest schema; safe to run twice, or on several machines at once."""
    settings = loaded()
    with database_server(settings) as url:
        applied = migrations.migrate(
            direct_url(settings, url), on_step=lambda revision: messages.print(f"Applying {revision}")
        )
    if as_json:
        show_json({"applied": applied})
    else:
        messages.print(f"Applied {len(applied)} migration(s)." if applied else "The schema is the newest already.")


@group.command("recount")
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

    _show_wrong(done(work), as_json=as_json, title="Counters that were wrong")


@group.command("reconcile")
@command
def reconcile(*, as_json: AsJson = False) -> None:
    """Compare the slots of limited queues with the leases at once, as maintenance does every half minute."""

    async def work(resources: Resources) -> list[Any]:
        async with resources.database.unit_of_work(_OPERATOR) as session:
            return [to_json(correction) for correction in await reconcile_slots(session, _OPERATOR)]

    _show_wrong(done(work), as_json=as_json, title="Slots that were wrong")


def _show_wrong(rows: list[Any], *, as_json: bool, title: str) -> None:
    if as_json:
        show_json({"corrected": rows})
    elif rows:
        show_rows(rows, title=title)
    else:
        messages.print("Nothing was wrong.")
