"""`fairlead db …`: the schema of the database."""

from __future__ import annotations

import typer

from fairlead.bootstrap import database_server
from fairlead.cli.output import AsJson, messages, show_json
from fairlead.cli.running import command, loaded
from fairlead.db import migrate as migrations

group = typer.Typer(help="The database's schema.", no_args_is_help=True)


@group.callback()
def root() -> None:
    """The database's schema."""


@group.command("migrate")
@command
def migrate(*, as_json: AsJson = False) -> None:
    """Bring the database to the newest schema; safe to run twice, or on several machines at once."""
    with database_server(loaded()) as url:
        applied = migrations.migrate(url, on_step=lambda revision: messages.print(f"Applying {revision}"))
    if as_json:
        show_json({"applied": applied})
    else:
        messages.print(f"Applied {len(applied)} migration(s)." if applied else "The schema is the newest already.")
