"""Changes that hold only for the state that somebody saw: another change in between is refused, not overwritten."""

from __future__ import annotations

from fairlead.domain.versions import Versioned, version_of
from fairlead.errors import PreconditionFailed


def refuse_other_version(row: Versioned, *, expected: str | None) -> None:
    """Raise PreconditionFailed unless a row that is held is still the expected version; None expects nothing."""
    if expected is not None and version_of(row) != expected:
        raise PreconditionFailed
