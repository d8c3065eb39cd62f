"""`fairlead db studio`: a page over the tables, on this machine only."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from contextlib import suppress
from types import ModuleType
from typing import Annotated

import typer

from fairlead.cli.db.place import Place, TargetName, place
from fairlead.cli.output import AsJson, messages, show_json
from fairlead.cli.running import command, loaded, run
from fairlead.db import migrate
from fairlead.errors import OperatorError, SchemaOutdated
from fairlead.runtime.signals import stop_signals
from fairlead.toolkit.target import OWN

PORT = 4984


@command
def studio(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0 is any that is free.")] = PORT,
    write: Annotated[bool, typer.Option("--write", help="Allow changes; each is audited.")] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only print the address.")] = False,
    tenant: Annotated[str, typer.Option(help="Begin with one tenant's rows.", metavar="SLUG")] = "",
    target: TargetName = "",
    as_json: AsJson = False,
) -> None:
    """Browse the tables, and with --write change them, in a page of this machine, until stopped."""
    with place(target) as at:
        if at.target.name == OWN and (pending := migrate.pending(at.url)):
            raise SchemaOutdated(
                f"The database lacks {len(pending)} migration(s), the first is {pending[0]}; run 'fairlead db migrate'."
            )
        run(_studio(at, port=port, writable=write, slug=tenant, as_json=as_json, opens=not (no_open or as_json)))


async def _studio(at: Place, *, port: int, writable: bool, slug: str, as_json: bool, opens: bool) -> None:
    serving = _imported()
    options = serving.StudioOptions(
        loaded().data_dir / "studio-trail.jsonl", port=port, writable=writable, organization_slug=slug
    )
    with stop_signals() as stop:
        async with (
            serving.opened_studio(at.target, at.url, options) as opened,
            serving.served(opened, port=port) as address,
        ):
            if as_json:
                show_json({"address": address, "target": at.target.name, "write": writable})
            else:
                mode = "[bold red]with --write[/bold red]" if writable else "read-only"
                messages.print(f"Studio over {at.target.name}, {mode}. This address opens it once:")
                messages.print(f"  {address}", soft_wrap=True)
                messages.print("Ctrl-C ends it.")
            if opens:
                await asyncio.to_thread(_open, address)
            await stop.drain.wait()


def _imported() -> ModuleType:
    """Return the module, which needs an extra."""
    try:
        from fairlead.studio import serving  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        if error.name != "jinja2":
            raise
        raise OperatorError("Studio needs an extra: pip install 'fairlead[studio]'") from error
    return serving


def _open(address: str) -> None:
    """Open the browser where there is a desktop; a browser in the terminal would take it over."""
    if sys.platform not in {"darwin", "win32"} and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return
    with suppress(webbrowser.Error):
        webbrowser.open(address)
