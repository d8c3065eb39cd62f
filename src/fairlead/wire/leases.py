"""Claims and outcomes as JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fairlead.domain import limits
from fairlead.wire.base import Received
from fairlead.wire.values import DelaySeconds, LeaseNumber, LeaseSeconds, Name, Progress, Result


class ClaimItems(Received):
    """How many items, for how long (the queue's rule when not given), and how long to wait when there are none."""

    limit: Annotated[int, Field(ge=1, le=limits.PAGE_ITEMS, examples=[10])]
    lease_seconds: LeaseSeconds | None = None
    wait_seconds: Annotated[float, Field(ge=0, le=limits.WAIT_SECONDS)] = 0.0
    worker_id: Name | None = Field(default=None, description="Your name for this worker; people see it.")


class RenewItem(Received):
    """Extend a lease (by the queue's rule when not said otherwise) and tell how far the work is."""

    lease: LeaseNumber
    lease_seconds: LeaseSeconds | None = None
    progress: Progress | None = None


class CompleteItem(Received):
    """The work is done."""

    lease: LeaseNumber
    result: Result = None


class FailItem(Received):
    """The attempt failed; `delaySeconds` replaces the queue's back-off, `retry` false ends the item."""

    lease: LeaseNumber
    error: Annotated[str, Field(description="Cut to 8,192 characters.", examples=["connection refused"])]
    retry: bool = True
    delay_seconds: DelaySeconds | None = None


class SnoozeItem(Received):
    """Not now: the item is due again after the delay, and the attempt does not count."""

    lease: LeaseNumber
    delay_seconds: DelaySeconds


class ReleaseItem(Received):
    """Give the item back; the attempt does not count."""

    lease: LeaseNumber
