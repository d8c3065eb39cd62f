"""One picture of the results, as SVG: how near each figure is to what is wanted, and the contenders side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from bench.figures import number

_WIDTH, _ROW, _LABEL, _BARS = 1000, 20, 420, 440
_REACHED, _MISSED, _NEUTRAL, _OURS, _LINE = "#2f855a", "#c05621", "#a0aec0", "#2b6cb0", "#1a202c"
_DECADES = 1.0  # to either side of what is wanted
_LEAST_VALUE = 1e-6


def plot(entries: Mapping[str, Any]) -> str:
    """Return the picture: a logarithmic bar for each target, then the bars that the scenarios ask for."""
    parts: list[str] = []
    height = 40
    for draw in (_targets, _comparisons):
        for part, used in draw(entries, height):
            parts.append(part)
            height = used
    style = "font-family: sans-serif; font-size: 12px"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + 20}" style="{style}">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _targets(entries: Mapping[str, Any], top: int) -> Iterator[tuple[str, int]]:
    lines = [(one, target) for one in entries.values() for target in one["targets"]]
    yield (
        _text(
            10, top - 14, "Against what is wanted (the line): to the right is better, a tenth to ten times", bold=True
        ),
        top,
    )
    middle = _LABEL + _BARS // 2
    bottom = top + len(lines) * _ROW
    for one, target in lines:
        small = "" if one["scale"] == 1 else f", scale {one['scale']:g}"
        yield _text(10, top + 14, target["title"] + small), top
        length = round(_goodness(target) * _BARS / 2)
        color = _REACHED if target["reached"] else _MISSED
        yield _bar(middle + min(0, length), top + 3, max(1, abs(length)), color), top
        yield _text(_LABEL + _BARS + 10, top + 14, f"{number(target['median'])} ({target['wanted']})"), top + _ROW
        top += _ROW
    yield (
        f'<line x1="{middle}" x2="{middle}" y1="{bottom - len(lines) * _ROW}" y2="{bottom}" stroke="{_LINE}"/>',
        bottom,
    )


def _goodness(target: Mapping[str, Any]) -> float:
    """Return from -1 to 1 how far on the good side the median is, a power of ten either way."""
    bound, value = target["bound"], target["median"]
    if bound == 0:
        return 0.0 if value <= bound else -1.0
    decades = math.log10(max(value, _LEAST_VALUE) / bound)
    return max(-1.0, min(1.0, (-decades if target["at_most"] else decades) / _DECADES))


def _comparisons(entries: Mapping[str, Any], top: int) -> Iterator[tuple[str, int]]:
    for one in entries.values():
        for title, bars in one["plots"].items():
            top += 34
            yield _text(10, top - 6, title, bold=True), top
            most = max(bars.values(), default=1.0)
            for name, value in bars.items():
                yield _text(10, top + 14, name), top
                color = _OURS if name == "fairlead" else _NEUTRAL
                yield _bar(_LABEL, top + 3, max(1, round(value / most * _BARS)), color), top
                yield _text(_LABEL + _BARS + 10, top + 14, number(value)), top + _ROW
                top += _ROW


def _bar(x: float, y: float, width: float, color: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{_ROW - 6}" fill="{color}"/>'


def _text(x: float, y: float, text: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}"{weight}>{escape(text)}</text>'
