"""Checks of what was given: each names a field and says a sentence, and all of them are reported at once."""

from __future__ import annotations

from fairlead.domain import json_values
from fairlead.domain.limits import DESCRIPTION_CHARACTERS
from fairlead.errors import ValidationFailed


def refuse(problems: dict[str, str | None]) -> None:
    """Raise ValidationFailed with every field whose problem is not None; do nothing when there is none."""
    if details := {field: problem for field, problem in problems.items() if problem is not None}:
        raise ValidationFailed(details=details)


def range_problem(value: float | None, *, least: float, most: float) -> str | None:
    """Return why a number is unacceptable; None is always fine. Anything that is not a number is not."""
    if value is None or (least <= value <= most and not isinstance(value, bool)):
        return None
    return f"must be between {least:,} and {most:,}"


def text_problem(text: str | None, *, most: int = DESCRIPTION_CHARACTERS) -> str | None:
    """Return why free text is unacceptable; line breaks are fine, None is too."""
    if text is None:
        return None
    if len(text) > most:
        return f"is longer than {most} characters"
    return "contains a character that cannot be stored" if json_values.problem(text) else None
