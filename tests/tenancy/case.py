"""A case: how one public function is aimed at another organization."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.tenancy.world import Target

from fairlead.db.session import Session

Call: TypeAlias = Callable[[Session, Any, Target, Target], Awaitable[object]]


@dataclass(frozen=True)
class Case:
    """One call, told its session, its scope, the attacker's organization, and the victim or the ghost.

    `hint`: why the victim answers otherwise than a ghost. `own`: it works in one's own organization.
    """

    call: Call
    hint: str = ""
    own: bool = True
