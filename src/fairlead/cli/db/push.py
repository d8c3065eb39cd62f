"""`fairlead db push`: bring a database for development to the models, without a migration."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead.cli.db.place import Place, TargetName, place, workshop
from fairlead.cli.db.questions import ask_rename, ask_value
from fairlead.cli.output import AsJson, answers, messages, show_json, to_json
from fairlead.cli.running import command, loaded
from fairlead.toolkit import push as pushes
from fairlead.toolkit.catalogue import Catalogue
from fairlead.toolkit.decisions import Deciding, Shadow
from fairlead.toolkit.destruction import Loss
from fairlead.toolkit.development import mark_development, need_development
from fairlead.toolkit.difference import declared_catalogue
from fairlead.toolkit.hints import Hints, read_hints
from fairlead.toolkit.naming import path_from
from fairlead.toolkit.one_transaction import one_transaction
from fairlead.toolkit.push import Plan


@command
def push(
    *,
    explain: Annotated[bool, typer.Option("--explain", help="Show the plan and change nothing.")] = False,
    allow_drop: Annotated[
        list[str] | None,
        typer.Option("--allow-drop", metavar="NAME", help="This may be destroyed: users, users.nick, orders.total, …"),
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option("--rename", metavar="OLD=NEW", help="users.fullname=users.name, users=people, …")
    ] = None,
    backfill: Annotated[
        list[str] | None,
        typer.Option("--backfill", metavar="COLUMN=SQL", help="What rows get that have nothing there."),
    ] = None,
    cast: Annotated[
        list[str] | None, typer.Option("--cast", metavar="COLUMN=SQL", help="How a column becomes its new type.")
    ] = None,
    hints: Annotated[Path | None, typer.Option(metavar="FILE", help="The same answers, as JSON.")] = None,
    mark: Annotated[
        bool,
        typer.Option(
            "--mark-development", help="Mark the database as one for development, when it is embedded or empty."
        ),
    ] = False,
    target_name: TargetName = "",
    as_json: AsJson = False,
) -> None:
    """Bring a database for development to what the models declare, in one transaction; asks before it destroys.

    Exits with 2 when a decision is needed, and with 3 when something would be destroyed that nobody allowed.
    """
    given = read_hints(hints, renames=rename or (), drops=allow_drop or (), backfills=backfill or (), casts=cast or ())
    asking = not as_json and sys.stdin.isatty() and sys.stderr.isatty()
    with place(target_name) as here, workshop() as server_url:
        if mark:
            _mark(here)
        declared = declared_catalogue(here.target, server_url)
        planned = _planned(here, declared, given, asking=asking)
        if not explain:
            pushes.insist_possible(planned)
        refused = not asking and not explain and bool(planned.refused(given.drops))
        if not as_json:
            _tell(planned, whole=not refused)
        if planned.statements and not explain:
            confirmed = {loss.name for loss in planned.refused(given.drops) if asking and _confirmed(loss)}
            pushes.apply(here.url, planned, target=here.target, declared=declared, allowed=given.drops | confirmed)
        if as_json:
            show_json({**_plain(planned), "applied": bool(planned.statements) and not explain})
        elif planned.statements and not explain:
            messages.print(
                "Pushed. When the models are right: fairlead db generate -m …, and for this database fairlead db stamp."
            )


def _mark(here: Place) -> None:
    with one_transaction(here.url) as (connection, keep):
        mark_development(connection, embedded=loaded().database_url is None, spared=(here.target.version_table,))
        keep()


def _planned(here: Place, declared: Catalogue, given: Hints, *, asking: bool) -> Plan:
    deciding = Deciding(
        replace(given, drops=frozenset()), ask_rename if asking else None, ask_value if asking else None
    )
    with one_transaction(here.url) as (connection, _):
        need_development(connection)
        return pushes.plan(Shadow(here.target, connection, declared), deciding, allowed=given.drops)


def _tell(planned: Plan, *, whole: bool) -> None:
    """Print the plan; of one that is refused only what it would do, since the error says what stands against it."""
    if not planned.statements:
        messages.print("No changes: the database is what the models declare.")
    for sentence in planned.sentences:
        messages.print(f"  {sentence}", markup=False, soft_wrap=True)
    if not whole:
        return
    for statement in (*planned.first, *planned.statements):
        answers.print(f"{statement};", markup=False, soft_wrap=True)
    for loss in planned.losses:
        messages.print(f"Lost: {loss.sentence}", style="red", markup=False, soft_wrap=True)
    for obstacle in planned.obstacles:
        messages.print(f"In the way: {obstacle.sentence} {obstacle.remedy}", style="red", markup=False, soft_wrap=True)


def _confirmed(loss: Loss) -> bool:
    typed: str = typer.prompt(f"Type {loss.name} to let it be destroyed", default="", show_default=False, err=True)
    return path_from(typed) == loss.name


def _plain(planned: Plan) -> dict[str, Any]:
    return {
        "does": list(planned.sentences),
        "first": list(planned.first),
        "statements": list(planned.statements),
        "losses": to_json(planned.losses),
        "obstacles": to_json(planned.obstacles),
    }
