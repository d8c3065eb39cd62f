"""What the commands that put accounts right tell."""

from __future__ import annotations

from typing import Any

from fairlead.cli.output import messages, show_json, show_rows


def show_corrections(rows: list[Any], *, as_json: bool, title: str) -> None:
    """Show what was wrong, or that nothing was."""
    if as_json:
        show_json({"corrected": rows})
    elif rows:
        show_rows(rows, title=title)
    else:
        messages.print("Nothing was wrong.")
