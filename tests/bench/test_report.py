"""The results: merged scenario by scenario, every target with its line and its bar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from bench.figures import Target
from bench.report import write

_ORDER = ["first", "second"]


def _entry(title: str, *, value: float, scale: float = 1) -> dict[str, Any]:
    return {
        "title": title,
        "how": "By hand",
        "measured_at": "2026-01-01T00:00:00+00:00",
        "seconds": 1,
        "machine": "none",
        "load_average_before": 0.0,
        "scale": scale,
        "rounds": 1,
        "server": {},
        "settings": {},
        "targets": [Target(f"{title} & more", 2, at_most=True, unit="ms").over([value]).as_json()],
        "tables": {},
        "plots": {"items": {"fairlead": 2.0, "raw": 4.0}},
        "problems": [],
        "measurements": {},
    }


def test_a_run_replaces_its_own_scenario_and_leaves_the_others(tmp_path: Path) -> None:
    """So the suite can be run piece by piece."""
    write(tmp_path, {"second": _entry("Second", value=1)}, order=_ORDER)
    write(tmp_path, {"first": _entry("First", value=1)}, order=_ORDER)
    write(tmp_path, {"second": _entry("Second", value=9)}, order=_ORDER)
    scenarios = json.loads((tmp_path / "latest.json").read_text())["scenarios"]
    assert [(name, one["targets"][0]["median"]) for name, one in scenarios.items()] == [("first", 1), ("second", 9)]


def test_every_target_says_whether_it_was_reached(tmp_path: Path) -> None:
    """A figure of another scale is marked, for it is not what was promised."""
    page = write(
        tmp_path,
        {"first": _entry("First", value=9), "second": _entry("Second", value=1, scale=0.1)},
        order=_ORDER,
    )
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if " & more" in line]
    assert lines == [
        ["First & more", "≤ 2 ms", "9.00", "**not reached**"],
        ["Second & more", "≤ 2 ms", "1.00", "reached (scale 0.1)"],
    ]


def test_the_plot_is_well_formed_and_names_every_target(tmp_path: Path) -> None:
    """Whatever is in a title is escaped."""
    write(tmp_path, {"first": _entry("First", value=9), "second": _entry("Second", value=0)}, order=_ORDER)
    tree = ET.fromstring((tmp_path / "latest.svg").read_text())  # noqa: S314 - our own file
    texts = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {"First & more", "Second & more", "fairlead", "raw"} <= set(texts)
