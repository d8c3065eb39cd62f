"""API keys as JSON. The key itself is in one answer only: that of the request which made it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from fairlead.domain import limits
from fairlead.domain.permissions import KEY_SCOPES
from fairlead.wire.base import Changes, Received, Sent
from fairlead.wire.values import EXAMPLE_ID, AnId, DueTime, Name, Text

# Only told here: the service names what no key can have.
_SCOPE = Field(json_schema_extra={"enum": [*sorted(KEY_SCOPES)]})
_SCOPE_EXAMPLES: Final = ["items:enqueue", "items:read"]
Scopes = Annotated[list[Annotated[Text, _SCOPE]], Field(max_length=100, examples=[_SCOPE_EXAMPLES])]
QueueIds = Annotated[list[AnId], Field(max_length=limits.BATCH_ITEMS)]
_Name = Annotated[Name, Field(examples=["backend"])]
_QUEUES = Field(
    default=None,
    description="The queues it is for; null is every one. A key for some reads neither audit trail nor usage.",
)
_END = Field(default=None, description="When it ends; null is never.")


class NewApiKey(Received):
    """A key to be made. It acts for whoever makes it, and never does more than they may."""

    name: _Name
    scopes: Scopes
    kind: Literal["live", "test"] = Field(default="live", description="Only the beginning of the key differs.")
    queue_ids: QueueIds | None = _QUEUES
    expires_at: DueTime | None = _END


class UpdateApiKey(Changes):
    """Fields of a key to be changed; what is not given stays."""

    name: _Name = ""
    scopes: Scopes = Field(default_factory=list)
    queue_ids: QueueIds | None = _QUEUES
    expires_at: DueTime | None = _END


class RotateApiKey(Changes):
    """How the old key goes on, and until when the new one lasts; not given, as long as the old one was given."""

    grace_seconds: Annotated[int, Field(ge=0, le=limits.GRACE_SECONDS)] = 24 * 3600
    expires_at: DueTime | None = _END


class ApiKeyOut(Sent):
    """One key, without its secret. `rotatedFrom` is the key it replaces."""

    id: str = Field(examples=[EXAMPLE_ID])
    name: str
    key_prefix: str = Field(examples=["flk_live_k3F9x2m"])
    user_id: str = Field(description="Whom it acts for.", examples=[EXAMPLE_ID])
    scopes: list[Annotated[str, _SCOPE]] = Field(examples=[_SCOPE_EXAMPLES])
    queue_ids: list[str] | None
    last_used_at: datetime | None = Field(description="Late by up to a minute.")
    expires_at: datetime | None
    revoked_at: datetime | None
    rotated_from: str | None
    created_at: datetime


class MadeApiKey(ApiKeyOut):
    """A key that has just been made."""

    key: str = Field(description="The key itself, shown this once.", examples=["flk_live_…"])
