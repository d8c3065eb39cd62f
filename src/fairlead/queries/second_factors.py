"""Second factors, with what is sealed in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from fairlead.db.rows import find_row
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.schema.second_factors import SecondFactor as SecondFactorTable


@dataclass(frozen=True, slots=True)
class SealedFactor:
    """A user's factor; not in force until it is confirmed."""

    user_id: str
    last_step: int
    confirmed_at: datetime | None
    sealed_secret: bytes = field(repr=False)


async def find_sealed_factor(session: Session, scope: SystemScope, *, user_id: str) -> SealedFactor | None:
    """Return a user's factor, in force or not."""
    return await find_row(session, scope, SecondFactorTable, key={"user_id": user_id}, model=SealedFactor)
