"""What the reader gets: one table of figures, one of targets, and what they were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from bench.contender import Contender, Load
from bench.figures import Figure, Turn, figure, figures, verdicts

_MEASURES = {
    "bulk": "enqueue, 1,000 a call (items/s)",
    "single": "enqueue, one a transaction, 10 connections (items/s)",
    "drain": "drain of no-op items, 1 process; raw: claim + complete (items/s)",
    "latency_20_p50": "pick-up latency at 20/s, p50 (ms)",
    "latency_20_p99": "pick-up latency at 20/s, p99 (ms)",
    "latency_1000_p50": "pick-up latency at 1,000/s, p50 (ms)",
    "latency_1000_p99": "pick-up latency at 1,000/s, p99 (ms)",
}
_PRECISE_BELOW = 100


@dataclass(frozen=True, slots=True)
class Run:
    """Everything one run of the benchmark found."""

    load: Load
    contenders: Sequence[Contender]
    settings: dict[str, str]
    turns: Sequence[Turn]
    problems: Sequence[str]


def as_json(run: Run) -> dict[str, Any]:
    """Return the run with every single measurement."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": asdict(run.load),
        "server": run.settings,
        "contenders": {contender.name: contender.how for contender in run.contenders},
        "figures": {
            contender: {measure: asdict(value) for measure, value in measures.items()}
            for contender, measures in figures(run.turns).items()
        },
        "targets": [
            {
                "name": verdict.target.name,
                "wanted": verdict.target.wanted,
                **asdict(verdict.value),
                "reached": verdict.reached,
            }
            for verdict in verdicts(run.turns)
        ],
        "turns": [asdict(turn) for turn in run.turns],
        "problems": list(run.problems),
    }


def as_markdown(run: Run) -> str:
    """Return the tables; medians, and the least and the most in brackets."""
    lines = [
        "# Comparison benchmark",
        "",
        _introduction(run),
        "",
        *(f"**{problem}**\n" for problem in run.problems),
        *_figures_table(run),
        "",
        *_targets_table(run),
        "",
        *(f"- {contender.name}: {contender.how}." for contender in run.contenders),
        "- PostgreSQL: " + ", ".join(f"{name} {value}" for name, value in run.settings.items()) + ".",
    ]
    return "\n".join(lines) + "\n"


def _introduction(run: Run) -> str:
    rounds = max((turn.round_number for turn in run.turns), default=0)
    loads = figure([turn.load_average for turn in run.turns] or [0.0])
    commits = figure([turn.commit_milliseconds for turn in run.turns] or [0.0])
    return (
        f"{run.load.items:,} items, {rounds} round(s) with the contenders in turn; median [least to most]. "
        f"{machine()}. Before a turn its load average was {loads.least:.1f} to {loads.most:.1f} (over a "
        f"minute, so mostly the turn before) and a commit took {commits.least:.2f} to {commits.most:.2f} ms; where "
        "these are far apart, somebody else was at work. A ratio to another contender is taken within each "
        "round, and the median counts."
    )


def _figures_table(run: Run) -> list[str]:
    found = figures(run.turns)
    rows = [["", *found]]
    for measure, title in _MEASURES.items():
        if any(measure in measures for measures in found.values()):
            rows.append([title, *(_shown(measures.get(measure)) for measures in found.values())])
    return table(rows)


def _targets_table(run: Run) -> list[str]:
    if not verdicts(run.turns):
        return ["Nothing that has a target was measured."]
    rows = [["ours", "wanted", "measured", ""]]
    for verdict in verdicts(run.turns):
        mark = "reached" if verdict.reached else "**not reached**"
        rows.append([verdict.target.name, verdict.target.wanted, _shown(verdict.value), mark])
    return table(rows)


def table(rows: list[list[str]]) -> list[str]:
    """Return a Markdown table whose columns line up, the first row its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _shown(value: Figure | None) -> str:
    return "-" if value is None else f"{_number(value.median)} [{_number(value.least)} to {_number(value.most)}]"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < _PRECISE_BELOW else f"{value:,.0f}"


def machine() -> str:
    """Return what everything was measured on."""
    return f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
