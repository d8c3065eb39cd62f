"""`fairlead db …`: the schema of the database, and the accounts of what is in it; one command a file."""

from __future__ import annotations

import typer

from fairlead.cli.db import (
    check,
    export,
    generate,
    lint,
    migrate,
    pull,
    push,
    reconcile,
    recount,
    render,
    review,
    rollback,
    stamp,
    status,
    studio,
)

group = typer.Typer(help="The database's schema, and the accounts of what is in it.", no_args_is_help=True)


@group.callback()
def root() -> None:
    """The database's schema."""


group.command("generate")(generate.generate)
group.command("render")(render.render)
group.command("check")(check.check)
group.command("export")(export.export)
group.command("migrate")(migrate.migrate)
group.command("pull")(pull.pull)
group.command("push")(push.push)
group.command("status")(status.status)
group.command("rollback")(rollback.rollback)
group.command("stamp")(stamp.stamp)
group.command("lint")(lint.lint)
group.command("review")(review.review)
group.command("recount")(recount.recount)
group.command("reconcile")(reconcile.reconcile)
group.command("studio")(studio.studio)
