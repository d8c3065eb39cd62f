"""Figures: medians over the rounds, and the ratios the project has set itself, reached or not.

A ratio is taken within each round (both sides measured minutes apart at most) and its median over the rounds counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.contender import Measurements


@dataclass(frozen=True, slots=True)
class Turn:
    """One contender's turn in one round, and how busy the machine was just before it."""

    round_number: int
    contender: str
    load_average: float
    commit_milliseconds: float
    measurements: Measurements


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure over the rounds."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached: our `measure` over the `against` contender's, or our latency itself."""

    measure: str
    against: str | None
    bound: float

    @property
    def name(self) -> str:
        """What the reader is told it is."""
        return self.measure if self.against is None else f"{self.measure} / {self.against}"

    @property
    def wanted(self) -> str:
        """The bound with its direction."""
        return f"≤ {self.bound:g} ms" if self.against is None else f"≥ {self.bound:g}"

    def reached(self, value: float) -> bool:
        """Say whether a value is good enough."""
        return value <= self.bound if self.against is None else value >= self.bound


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, what became of it, and whether that is enough."""

    target: Target
    value: Figure
    reached: bool


OURS = "fairlead"
TARGETS = (
    Target("drain", "raw", 0.3),
    Target("drain", "pgqueuer", 0.7),
    Target("drain", "procrastinate", 20),
    Target("bulk", "raw", 0.5),
    Target("bulk", "pgqueuer", 0.7),
    Target("single", "pgqueuer", 1.0),
    Target("latency_20_p50", None, 10),
    Target("latency_20_p99", None, 30),
    Target("latency_1000_p50", None, 10),
    Target("latency_1000_p99", None, 30),
)


def figure(values: Sequence[float]) -> Figure:
    """Return median, least and most of one or more values."""
    return Figure(median(values), min(values), max(values))


def figures(turns: Sequence[Turn]) -> dict[str, dict[str, Figure]]:
    """Return every contender's figures by measure."""
    collected: dict[str, dict[str, list[float]]] = {}
    for turn in turns:
        for measure, value in turn.measurements.items():
            collected.setdefault(turn.contender, {}).setdefault(measure, []).append(value)
    return {
        contender: {measure: figure(values) for measure, values in measures.items()}
        for contender, measures in collected.items()
    }


def verdicts(turns: Sequence[Turn]) -> list[Verdict]:
    """Return what became of every target that was measured."""
    rounds: dict[int, dict[str, Measurements]] = {}
    for turn in turns:
        rounds.setdefault(turn.round_number, {})[turn.contender] = turn.measurements
    found = []
    for target in TARGETS:
        values = [value for contenders in rounds.values() if (value := _value(target, contenders)) is not None]
        if values:
            value = figure(values)
            found.append(Verdict(target, value, target.reached(value.median)))
    return found


def _value(target: Target, contenders: dict[str, Measurements]) -> float | None:
    ours = contenders.get(OURS, {}).get(target.measure)
    if target.against is None or ours is None:
        return ours
    theirs = contenders.get(target.against, {}).get(target.measure)
    return None if theirs is None else ours / theirs
