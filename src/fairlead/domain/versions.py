"""Versions: which state of a row somebody saw, as a text they send back with their change to it.

A row's version is when it was last changed, by the database's clock, to the microsecond; whoever compares it holds the
row, so that the two changes of one version cannot both happen.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Versioned(Protocol):
    """A row that says when it was last changed."""

    @property
    def updated_at(self) -> datetime:
        """When that was."""


def version_of(row: Versioned) -> str:
    """Return the version of a row."""
    return f"{(row.updated_at - _BEGINNING) // timedelta(microseconds=1):x}"
