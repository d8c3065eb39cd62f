"""How a command is told which revisions it is about."""

from __future__ import annotations

from typing import Annotated

import typer

from fairlead.bootstrap import database_server, direct_url
from fairlead.cli.running import loaded
from fairlead.toolkit.selection import chosen, pending
from fairlead.toolkit.target import Target

Revisions = Annotated[
    list[str] | None,
    typer.Argument(metavar="[REVISION]...", help="Revisions by name, or 'head'; by default what is pending."),
]
Since = Annotated[str, typer.Option("--since", metavar="REVISION", help="All behind this one; 'base': all there are.")]


def selected(target: Target, names: list[str] | None, *, since: str) -> list[str]:
    """Return the revisions that are named, or all behind one, or what the database lacks; oldest first."""
    if names or since:
        return chosen(target, names or (), since=since or "base")
    settings = loaded()
    with database_server(settings) as url:
        return pending(direct_url(settings, url), target)
