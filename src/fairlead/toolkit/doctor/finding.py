"""What the doctor can find: conditions, each with a code that never changes, and findings, each with what was measured.

A condition is declared once, beside the check that looks for it, with what it means and what to do; the reference page
(`docs/reference/doctor.md`) is written from these declarations. A finding adds the measured values to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairlead.toolkit.doctor.patient import Patient


class Severity(IntEnum):
    """How much it matters. ERROR: something promised does not hold, or soon will not; the command exits with 1."""

    OK = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that can be wrong: `means` says why it matters, `remedy` what to do.

    `severity` is what it starts at, `at_worst` what it becomes when the measured value is bad enough.
    """

    code: str
    severity: Severity
    means: str
    remedy: str
    at_worst: Severity | None = None

    def found(
        self, sentence: str, *, subject: str = "", remedy: str = "", worst: bool = False, **values: Any
    ) -> Finding:
        """Return the finding of this condition; `sentence` says it with the values, `worst` that it is at its worst."""
        severity = self.at_worst if worst and self.at_worst is not None else self.severity
        return Finding(self.code, severity, sentence, remedy or self.remedy, subject=subject, values=values)


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition that was found; `subject` is what it is about (a table, a queue), `values` what was measured."""

    code: str
    severity: Severity
    sentence: str
    remedy: str
    subject: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One look at the database, for these conditions; it yields the ones it finds.

    A look that cannot be taken raises: CannotLook with the reason, or the database's own error.
    """

    look: Callable[[Patient], Iterable[Finding]]
    conditions: tuple[Condition, ...]


class CannotLook(Exception):
    """This cannot be looked at here; the message says why, and what would be needed."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an examination, the worst first; every code is in exactly one of the three.

    `not_checked` says of each code that could not be looked for why.
    """

    findings: tuple[Finding, ...]
    healthy: tuple[str, ...]
    not_checked: dict[str, str]

    @property
    def worst(self) -> Severity:
        """The worst severity that was found."""
        return max((finding.severity for finding in self.findings), default=Severity.OK)
