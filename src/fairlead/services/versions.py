"""Changes that hold only for the state that somebody saw: another change in between is refused, not overwritten."""

from __future__ import annotations

from fairlead.domain.versions import Versioned, version_of
from fairlead.errors import PreconditionFailed


def refuse_other_version(row: Versioned, *, expected: str | None) -> None:
    """Raise PreconditionFailed unless a row that is held is still the expected version; None expects nothing."""
    if expected is not None:
        refuse_other(version_of(row), expected=expected)


def refuse_other(version: str, *, expected: str | None) -> None:
    """Raise PreconditionFailed unless the version of what is held is still the expected one; None expects nothing."""
    if expected is not None and version != expected:
        raise PreconditionFailed
