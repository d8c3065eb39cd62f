"""Generated from schema/credentials.py by `make golden`; do not edit.

`Credential` is one row of `credentials` as it is read, `NewCredential` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Credential:
    """One means of signing in; `account_id` is the provider's name for the user, `secret_hash` a hash."""

    id: str
    user_id: str
    provider: str
    account_id: str
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime


class NewCredential(TypedDict):
    """What may be given for a new row of `credentials`."""

    id: NotRequired[str]
    user_id: str
    provider: str
    account_id: str
    secret_hash: NotRequired[str | None]
    last_used_at: NotRequired[datetime | None]
    created_at: NotRequired[datetime]
    updated_at: NotRequired[datetime]
