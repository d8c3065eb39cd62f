"""What the reader gets: one results file, one page of tables, one plot; each scenario's own date and settings in them.

A run replaces what the files hold of the scenarios that it ran and leaves the others as they were.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import Figure, shown
from bench.plot import plot
from bench.scenario import Ground, Outcome, Scenario

_HEAD = ["figure", "wanted", "measured", ""]


def entry(
    scenario: Scenario, ground: Ground, outcome: Outcome, *, load_average: float, seconds: float
) -> dict[str, Any]:
    """Return what the results file holds of one scenario."""
    return {
        "title": scenario.title,
        "how": scenario.how,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds),
        "machine": machine(),
        "load_average_before": round(load_average, 2),
        "scale": ground.scale,
        "rounds": ground.rounds,
        "server": ground.server.settings(),
        "settings": dict(outcome.settings),
        "targets": [verdict.as_json() for verdict in outcome.verdicts],
        "tables": dict(outcome.tables),
        "plots": {title: dict(bars) for title, bars in outcome.plots.items()},
        "problems": list(outcome.problems),
        "measurements": outcome.measurements,
    }


def write(folder: Path, fresh: Mapping[str, Any], *, order: Sequence[str]) -> str:
    """Merge fresh entries into the results and write all of them; return the page."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "latest.json"
    known = json.loads(file.read_text()).get("scenarios", {}) if file.exists() else {}
    merged = {**known, **fresh}
    entries = {name: merged[name] for name in order if name in merged}
    file.write_text(json.dumps({"scenarios": entries}, indent=2, ensure_ascii=False) + "\n")
    page = as_markdown(entries)
    (folder / "latest.md").write_text(page)
    (folder / "latest.svg").write_text(plot(entries))
    return page


def as_markdown(entries: Mapping[str, Any]) -> str:
    """Return the page: every figure to be reached in one table, then what each scenario did and found."""
    lines = [
        "# Benchmark",
        "",
        "Median [least to most] of the rounds. Ratios are taken within each round of one run on one server.",
        "",
        "![Figures against what is wanted](latest.svg)",
        "",
        *_targets(entries),
    ]
    for one in entries.values():
        lines += ["", *_section(one)]
    return "\n".join(lines) + "\n"


def _targets(entries: Mapping[str, Any]) -> list[str]:
    rows = [_HEAD]
    for one in entries.values():
        small = "" if one["scale"] == 1 else f" (scale {one['scale']:g})"
        for target in one["targets"]:
            mark = "reached" if target["reached"] else "**not reached**"
            rows.append([target["title"], target["wanted"], shown(_figure(target)), mark + small])
    return table(rows)


def _section(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {one['title']}"
    yield ""
    yield (
        f"{one['how']}. Measured {one['measured_at']}, {one['rounds']} round(s), scale {one['scale']:g}, in "
        f"{one['seconds']:,} s; {one['machine']}; load average before {one['load_average_before']:g}."
    )
    for problem in one["problems"]:
        yield from ("", f"**{problem}**")
    for title, rows in one["tables"].items():
        yield from ("", f"{title}:", "", *table(rows))
    yield ""
    yield from (f"- {name}: {how}." for name, how in one["settings"].items())
    yield "- PostgreSQL: " + ", ".join(f"{name} {value}" for name, value in one["server"].items()) + "."


def _figure(target: Mapping[str, Any]) -> Figure:
    return Figure(target["median"], target["least"], target["most"])


def table(rows: list[list[str]]) -> list[str]:
    """Return a Markdown table whose columns line up, the first row its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def machine() -> str:
    """Return what everything was measured on."""
    return f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
