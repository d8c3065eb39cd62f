"""`fairlead db status`: what is applied and what is pending."""

from __future__ import annotations

from collections import Counter
from typing import Final

import typer

from fairlead.cli.db.place import TargetName, place
from fairlead.cli.output import AsJson, answers, messages, show_json, to_json
from fairlead.cli.running import command
from fairlead.toolkit.history import History, history

_DRIFTED: Final = 4


@command
def status(*, target: TargetName = "", as_json: AsJson = False) -> None:
    """Show every revision: applied, pending, changed since, or in the database and of no file.

    Exit code 4 when a file changed since it was applied, or is missing.
    """
    with place(target) as here:
        found = history(here.url, here.target)
    if as_json:
        show_json(to_json(found))
    else:
        _show(found)
    if not found.is_sound:
        raise typer.Exit(_DRIFTED)


def _show(found: History) -> None:
    for entry in found.entries:
        at = entry.applied_at or ""
        answers.print(
            f"{entry.standing:<10}  {at:<20}  {entry.revision}  {entry.summary}", markup=False, soft_wrap=True
        )
    counts = Counter(entry.standing for entry in found.entries)
    open_ones = [f"{counts[standing]} {standing}" for standing in ("broken off", "pending") if counts[standing]]
    messages.print(f"{', '.join(open_ones)}; run 'fairlead db migrate'." if open_ones else "Nothing is pending.")
