"""Generated from schema/api_keys.py by `make golden`; do not edit.

`ApiKey` is one row of `api_keys` as it is read, `NewApiKey` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key: only its HMAC and its visible prefix are kept. `queue_ids` null means every queue."""

    id: str
    name: str
    key_prefix: str
    user_id: str
    organization_id: str
    scopes: list[str]
    queue_ids: list[str] | None
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime
    rotated_from: str | None


class NewApiKey(TypedDict):
    """What may be given for a new row of `api_keys`."""

    id: NotRequired[str]
    name: str
    key_hash: str
    key_prefix: str
    user_id: str
    scopes: NotRequired[list[str]]
    queue_ids: NotRequired[list[str] | None]
    last_used_at: NotRequired[datetime | None]
    expires_at: NotRequired[datetime | None]
    revoked_at: NotRequired[datetime | None]
    created_at: NotRequired[datetime]
    rotated_from: NotRequired[str | None]
