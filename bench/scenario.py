"""A scenario: one thing that is measured, on databases of its own, and what came of it.

`python -m bench --only NAME --scale 0.1` runs one, smaller. A scale changes how many items there are, never what is
done; figures of a scale other than 1 are marked as such.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.figures import Verdict
from bench.server import Server
from fairlead.db.migrate import migrate


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a scenario runs, how large and how often."""

    server: Server
    scale: float
    rounds: int
    items: int  # of the comparison
    contenders: Sequence[str]  # of the comparison; empty for all

    def scaled(self, count: int, *, least: int = 1) -> int:
        """Return a number of items at this scale."""
        return max(least, round(count * self.scale))

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """Yield the URL of a fresh database with our newest schema."""
        with self.server.fresh_database(name) as url:
            migrate(url)
            yield url


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scenario found: its lines, every measurement behind them, and what went wrong.

    `tables` are shown as they are, heads first, by title; `plots` are bars by title: name and value.
    """

    verdicts: Sequence[Verdict]
    measurements: Any
    problems: Sequence[str] = ()
    tables: Mapping[str, list[list[str]]] = field(default_factory=dict)
    plots: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """`how` says what is done, for the reader of the results."""

    name: str
    title: str
    how: str
    measure: Callable[[Ground], Outcome]


class ScenarioFailedError(Exception):
    """A scenario cannot be finished; the message says why."""


def say(text: str) -> None:
    """Tell whoever waits how it goes."""
    print(text, file=sys.stderr, flush=True)


def alternated(parts: Sequence[Any], round_number: int) -> list[Any]:
    """Return them with another one first in each round, so that nobody always follows the same one."""
    first = round_number % max(1, len(parts))
    return [*parts[first:], *parts[:first]]
