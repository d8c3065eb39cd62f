"""Canaries: a word for each organization that every payload and result of its carries, and nobody else's ever may."""

from __future__ import annotations

import hashlib
from typing import Final

PREFIX: Final = "canary-"


def canary_of(organization_id: str, *, seed: int) -> str:
    """Return the organization's word in a run."""
    return PREFIX + hashlib.sha256(f"{seed}:{organization_id}".encode()).hexdigest()[:16]
