"""How commands answer: a table for people, one JSON object on standard output for programs.

Everything else (progress, errors, logs) goes to standard error, so that a program may always read standard output.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import orjson
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from fairlead.errors import DecisionNeeded, FairleadError

_WIDEST: Final = 10_000
messages = Console(stderr=True, highlight=False)
answers = Console(highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]


def show(value: Any, *, as_json: bool, title: str) -> None:
    """Print one object: its fields as a table, or as JSON in camelCase."""
    plain = to_json(value)
    if as_json:
        show_json(plain)
        return
    table = Table(title=title, show_header=False, title_justify="left")
    for name, field_value in plain.items():
        table.add_row(name, _shown(field_value))
    answers.print(table)


def show_json(plain: Any) -> None:
    """Print a JSON value on a line of its own."""
    sys.stdout.write(orjson.dumps(plain).decode() + "\n")
    sys.stdout.flush()


def show_rows(rows: Sequence[Mapping[str, Any]], *, title: str) -> None:
    """Print rows of one shape as a table; numbers stand to the right, and nothing is cut however narrow the screen."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), header_style="bold underline")
    for name, first in rows[0].items():
        table.add_column(name, justify="right" if isinstance(first, int | float) else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    table.width = Measurement.get(answers, answers.options.update(max_width=_WIDEST), table).maximum
    answers.print(table, soft_wrap=True)


def show_error(error: FairleadError, *, as_json: bool) -> None:
    """Print an error for people, or as the object that the API would answer."""
    if as_json:
        choices = {"choices": error.choices} if isinstance(error, DecisionNeeded) else {}
        _show_error_json({"error": error.message, "code": error.code, "details": error.details, **choices})
        return
    messages.print(f"[red]Error:[/red] {_escaped(error.message)}", soft_wrap=True)
    for name, sentence in error.details.items():
        messages.print(f"  {_escaped(name)}: {_escaped(sentence)}", soft_wrap=True)


def show_wrong_usage(sentence: str) -> None:
    """Print what is wrong with the options or the arguments as the object that an error of ours would be."""
    _show_error_json({"error": sentence, "code": "WRONG_USAGE", "details": {}})


def _show_error_json(plain: dict[str, Any]) -> None:
    sys.stderr.write(orjson.dumps(plain).decode() + "\n")


def to_json(value: Any) -> Any:
    """Return a read model as JSON values: field names in camelCase, instants in ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {camel_case(field.name): to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(inner) for inner in value]
    return value


def camel_case(name: str) -> str:
    """Return a snake_case name in camelCase."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
