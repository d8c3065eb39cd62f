"""Outcomes of many items as JSON; each is accepted or refused by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from fairlead.domain import limits
from fairlead.errors import ItemCancelled, LeaseLost, NotFound
from fairlead.wire.base import Received, Sent
from fairlead.wire.leases import CompleteItem, FailItem
from fairlead.wire.values import EXAMPLE_ID, AnId, LeaseNumber, LeaseSeconds, Progress

_REASONS: Final = (NotFound, LeaseLost, ItemCancelled)


class CompletedItem(CompleteItem):
    """One item that is done."""

    id: AnId


class FailedItem(FailItem):
    """One attempt that failed."""

    id: AnId


class RenewedItem(Received):
    """One lease to be extended, and how far the work is."""

    id: AnId
    lease: LeaseNumber
    progress: Progress | None = None


class CompleteItems(Received):
    """Work that is done, each item once."""

    items: Annotated[list[CompletedItem], Field(min_length=1, max_length=limits.BATCH_ITEMS)]


class FailItems(Received):
    """Attempts that failed, each item once."""

    items: Annotated[list[FailedItem], Field(min_length=1, max_length=limits.BATCH_ITEMS)]


class RenewItems(Received):
    """Leases to be extended, each item once, by each queue's rule when not said otherwise."""

    items: Annotated[list[RenewedItem], Field(min_length=1, max_length=limits.BATCH_ITEMS)]
    lease_seconds: LeaseSeconds | None = None


class RefusedOutcome(Sent):
    """An outcome that changed nothing, and why, as it would be told of one item alone."""

    id: str = Field(examples=[EXAMPLE_ID])
    code: str = Field(examples=["LEASE_LOST"], json_schema_extra={"enum": [kind.code for kind in _REASONS]})
    error: str


class Outcomes(Sent):
    """The ids of the items whose outcome counts, and the others."""

    accepted: list[str]
    refused: list[RefusedOutcome]


class LeaseEnd(Sent):
    """Until when a lease is good now."""

    id: str = Field(examples=[EXAMPLE_ID])
    lease_expires_at: datetime


class Renewals(Sent):
    """The leases that were extended, and the others."""

    accepted: list[LeaseEnd]
    refused: list[RefusedOutcome]
