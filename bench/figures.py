"""Figures: medians over the rounds, and what the project has set itself, reached or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

_PRECISE_BELOW = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure over the rounds."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Target:
    """One line of what is to be reached; without a unit it is a ratio."""

    title: str
    bound: float
    at_most: bool = False
    unit: str = ""

    @property
    def wanted(self) -> str:
        """The bound with its direction."""
        return f"{'≤' if self.at_most else '≥'} {self.bound:g} {self.unit}".rstrip()

    def reached(self, value: float) -> bool:
        """Say whether a value is good enough."""
        return value <= self.bound if self.at_most else value >= self.bound

    def over(self, values: Sequence[float]) -> Verdict:
        """Return what became of it in one or more rounds; the median counts."""
        value = figure(values)
        return Verdict(self, value, self.reached(value.median))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, what became of it, and whether that is enough."""

    target: Target
    value: Figure
    reached: bool

    def as_json(self) -> dict[str, Any]:
        """Return one line of the results."""
        target = self.target
        return {
            "title": target.title,
            "wanted": target.wanted,
            "bound": target.bound,
            "at_most": target.at_most,
            **asdict(self.value),
            "reached": self.reached,
        }


def figure(values: Sequence[float]) -> Figure:
    """Return median, least and most of one or more values."""
    return Figure(median(values), min(values), max(values))


def shown(value: Figure | None) -> str:
    """Return a figure as the reader gets it."""
    if value is None:
        return "-"
    if value.least == value.most:
        return number(value.median)
    return f"{number(value.median)} [{number(value.least)} to {number(value.most)}]"


def number(value: float) -> str:
    """Return a number with as many digits as it is good for."""
    return f"{value:.2f}" if abs(value) < _PRECISE_BELOW else f"{value:,.0f}"
