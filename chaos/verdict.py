"""What came of a fault: how often it was tried, what was found, and what that says at most of the next time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken: which invariant, and the evidence in a sentence."""

    invariant: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What a fault did: `n` chances for things to go wrong, of which kind, and figures for people.

    `complaints` are what the fault itself found wrong, besides what the checker will find in the history.
    """

    n: int
    unit: str
    figures: dict[str, float | int | str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One fault, done and checked."""

    code: str
    title: str
    seed: int
    seconds: float
    tally: Tally
    items: int
    violations: list[Violation]

    @property
    def held(self) -> bool:
        """Whether every promise was kept, and was tried at all."""
        return not self.violations and self.tally.n > 0

    def line(self) -> str:
        """Return the one line for people."""
        n = self.tally.n
        words = "FAILED" if self.violations else "ok" if n else "NOT TRIED"
        said = f"{self.code} {words:<6} {self.title:<44} n={n:,} {self.tally.unit}, {self.items:,} items"
        bound = f", 0 of n: at most {bound_of(n):.2g} (95 %)" if self.held else ""
        figures = "".join(f"; {name} {value}" for name, value in self.tally.figures.items())
        return f"{said}{bound}{figures}; seed {self.seed}, {self.seconds:.1f} s"

    def as_json(self) -> dict[str, Any]:
        """Return everything for programs."""
        return {
            "fault": self.code,
            "title": self.title,
            "held": self.held,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "n": self.tally.n,
            "unit": self.tally.unit,
            "bound": bound_of(self.tally.n) if self.held else None,
            "items": self.items,
            "figures": self.tally.figures,
            "violations": [f"{violation.invariant}: {violation.sentence}" for violation in self.violations],
        }


def bound_of(n: int) -> float:
    """Return the upper end of the 95 % interval of a rate of which 0 in `n` were seen: the rule of three."""
    return min(1.0, 3 / n) if n else 1.0
