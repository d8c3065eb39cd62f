"""`fairlead db render`: write the SQL beside revisions again."""

from __future__ import annotations

from typing import Annotated

import typer

from fairlead.cli.db.place import TargetName, chosen_target, near
from fairlead.cli.output import AsJson, messages, show_json
from fairlead.cli.running import command
from fairlead.toolkit.rendering import outdated, rendered_files
from fairlead.toolkit.selection import chosen

Named = Annotated[
    list[str] | None,
    typer.Argument(metavar="[REVISION]...", help="Revisions by name, or 'head'; by default whose SQL is out of date."),
]


@command
def render(revisions: Named = None, *, target: TargetName = "", as_json: AsJson = False) -> None:
    """Write the `.up.sql` and `.down.sql` beside revisions, after one was filled in or changed by hand."""
    here = chosen_target(target)
    files = outdated(here)
    if revisions:
        files = {path: text for name in chosen(here, revisions) for path, text in rendered_files(here, name).items()}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    if as_json:
        show_json({"written": list(map(str, files))})
        return
    for path in files:
        messages.print(f"Wrote {near(path)}", markup=False, soft_wrap=True)
    if not files:
        messages.print("The SQL beside each revision is what it sends.")
