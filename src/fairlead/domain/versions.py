"""Versions: which state of a row somebody saw, as a text they send back with their change to it.

A row's version is when it was last changed, by the database's clock, to the microsecond; where that is not kept, it is
a digest of what can be changed. Whoever compares it holds the row, so that the two changes of one version cannot both
happen.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, Protocol

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Versioned(Protocol):
    """A row that says when it was last changed."""

    @property
    def updated_at(self) -> datetime:
        """When that was."""


def version_of(row: Versioned) -> str:
    """Return the version of a row."""
    return f"{(row.updated_at - _BEGINNING) // timedelta(microseconds=1):x}"


def version_by(*values: Any) -> str:
    """Return the version of what does not say when it was last changed, by the values of all that can be changed."""
    written = json.dumps(values, sort_keys=True, default=str)
    return blake2b(written.encode(), digest_size=8).hexdigest()
