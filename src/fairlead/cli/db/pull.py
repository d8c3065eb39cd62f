"""`fairlead db pull`: write the models of a database that has none."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fairlead.bootstrap import database_server, direct_url
from fairlead.cli.db.place import workshop
from fairlead.cli.output import AsJson, messages, show_json
from fairlead.cli.running import command, loaded
from fairlead.errors import DestructiveRefused
from fairlead.toolkit import pull as pulls


@command
def pull(
    *,
    schema: Annotated[
        list[str] | None,
        typer.Option("--schema", metavar="NAME", help="Which schemas; left out: as pyproject.toml says, or public."),
    ] = None,
    version_table: Annotated[
        str | None,
        typer.Option("--version-table", metavar="NAME", help="Where migrations are noted; left out of the models."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write them.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over the file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the models of the database, with all that SQLAlchemy has no word for as DDL; names what is not in them."""
    if output is not None and output.exists() and not force:
        raise DestructiveRefused(f"{output} is there already: pass --force to write over it, or another --output.")
    settings = loaded()
    with database_server(settings) as url, workshop() as server_url:
        place = pulls.place_of(Path.cwd(), schemas=tuple(schema or ()), version_table=version_table)
        pulled = pulls.pull(direct_url(settings, url), server_url, place)
    if output is not None:
        output.write_text(pulled.source, encoding="utf-8")
    if as_json:
        written = None if output is None else str(output)
        show_json({"written": written, "source": None if output else pulled.source, "gaps": list(pulled.gaps)})
        return
    if output is None:
        sys.stdout.write(pulled.source)
    else:
        messages.print(f"Wrote {output}", markup=False, soft_wrap=True)
    for gap in pulled.gaps:
        messages.print(f"Not in the models: {gap}", markup=False, soft_wrap=True)
