"""How measured values are said."""

from __future__ import annotations

from typing import Final, SupportsFloat

_UNITS: Final = ((86_400, "days"), (3600, "hours"), (60, "minutes"))
_SIZES: Final = ((1024**4, "TB"), (1024**3, "GB"), (1024**2, "MB"), (1024, "kB"))


def how_long(seconds: SupportsFloat) -> str:
    """Return a time in the largest unit of which there are two: 90 minutes, 3 days."""
    number = float(seconds)
    for size, unit in _UNITS:
        if number >= 2 * size:
            return f"{number / size:.0f} {unit}"
    return f"{number:.0f} s"


def how_much(size: SupportsFloat) -> str:
    """Return a number of bytes in the largest unit of which there is one."""
    number = float(size)
    for unit_size, unit in _SIZES:
        if number >= unit_size:
            return f"{number / unit_size:.0f} {unit}"
    return f"{number:.0f} B"


def how_many(count: int, noun: str) -> str:
    """Return a number and its noun, which takes an s for more than one."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
