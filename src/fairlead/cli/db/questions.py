"""Questions to whoever sits at the terminal; asked on standard error, so that standard output stays the answer."""

from __future__ import annotations

import typer

from fairlead.cli.output import messages
from fairlead.toolkit.consent import Forfeit
from fairlead.toolkit.hints import ValueNeeded
from fairlead.toolkit.renames import Place, Question


def ask_rename(question: Question) -> Place | None:
    """Return what it became, or None for what is dropped."""
    messages.print(f"The {question.gone.kind} {question.gone} is not in the models any more.", markup=False)
    for number, candidate in enumerate(question.candidates, start=1):
        messages.print(f"  {number}  it was renamed to {question.told(candidate)}", markup=False)
    messages.print("  0  it is dropped, with all that is in it", markup=False)
    while True:
        chosen: int = typer.prompt("Which", type=int, err=True)
        if 0 <= chosen <= len(question.candidates):
            return question.candidates[chosen - 1] if chosen else None
        messages.print(f"A number from 0 to {len(question.candidates)}, please.")


def ask_value(need: ValueNeeded) -> str:
    """Return the SQL expression for a column."""
    messages.print(f"{need.column}: {need.reason}", markup=False)
    suggested = None if need.example.startswith("<") else need.example
    answer: str = typer.prompt("SQL", default=suggested, err=True)
    return answer


def ask_forfeit(forfeit: Forfeit) -> bool:
    """Return whether values may be changed, or go, for good."""
    messages.print(f"{forfeit.column}: {forfeit.sentence}", markup=False)
    return bool(typer.confirm("Is that meant", err=True))
