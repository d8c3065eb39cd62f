"""Checks of what was given: each names a field and says a sentence, and all of them are reported at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from fairlead.domain import json_values
from fairlead.domain.limits import BATCH_ITEMS, DESCRIPTION_CHARACTERS
from fairlead.domain.names import name_problem
from fairlead.errors import ValidationFailed
from fairlead.wire.values import due_problem

Check: TypeAlias = Callable[[Any], str | None]


def refuse(problems: Mapping[str, str | None]) -> None:
    """Raise ValidationFailed with every field whose problem is not None; do nothing when there is none."""
    if details := {field: problem for field, problem in problems.items() if problem is not None}:
        raise ValidationFailed(details=details)


def problems(values: Mapping[str, Any], *, checks: Mapping[str, Check]) -> dict[str, str | None]:
    """Check each field given by the check of its name; one that has no check cannot be given."""
    return {field: checks.get(field, _unknown)(value) for field, value in values.items()}


def refuse_fields(values: Mapping[str, Any], *, checks: Mapping[str, Check]) -> None:
    """Raise ValidationFailed with every field that has one of `problems`."""
    refuse(problems(values, checks=checks))


def named(value: Any) -> str | None:
    """Return why a name is unacceptable."""
    return name_problem(value) if isinstance(value, str) else "must be text"


def ranged(least: float, most: float, *, optional: bool = False, whole: bool = True) -> Check:
    """Return the check of a number, a whole one unless told; `optional` lets None through, which is then no limit."""

    def check(value: Any) -> str | None:
        if value is None and not optional:
            return "must be given"
        return range_problem(value, least=least, most=most, whole=whole)

    return check


def range_problem(value: Any, *, least: float, most: float, whole: bool = False) -> str | None:
    """Return why a number is unacceptable; None is always fine. Anything that is not a number is not.

    `whole` refuses fractions, which a column of whole numbers would round without a word.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return "must be a whole number" if whole else "must be a number"
    return None if least <= value <= most else f"must be between {least:,} and {most:,}"


def text_problem(text: Any, *, most: int = DESCRIPTION_CHARACTERS) -> str | None:
    """Return why free text is unacceptable; line breaks are fine, None is too."""
    if text is None:
        return None
    if not isinstance(text, str):
        return "must be text"
    if len(text) > most:
        return f"is longer than {most} characters"
    return "contains a character that cannot be stored" if json_values.problem(text) else None


def instant_problem(value: Any) -> str | None:
    """Return why an instant at which something is due is unacceptable; None is always fine."""
    if value is None:
        return None
    return due_problem(value) if isinstance(value, datetime) else "must be an instant"


def is_batch(values: Any, *, most: int = BATCH_ITEMS) -> bool:
    """Tell whether `values` are a list or the like of 1 to `most` of something."""
    return isinstance(values, Collection) and not isinstance(values, str | bytes) and 1 <= len(values) <= most


def no_text(value: Any) -> str | None:
    """Return why a value is unacceptable where any text will do."""
    return None if isinstance(value, str) else "must be text"


def _unknown(_value: Any) -> str:
    return "cannot be given here"
