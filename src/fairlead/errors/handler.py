"""Raised by a handler to say what happens to its item."""

from __future__ import annotations

from datetime import timedelta

from fairlead.errors.base import FairleadError


class HandlerControl(FairleadError):
    """A handler decided what happens to its item."""

    remedy = "Nothing: a handler raises it, and no caller sees it."


class GiveUp(HandlerControl):
    """The handler gave up on this item; it will not be retried."""

    code = "GIVE_UP"


class Snooze(HandlerControl):
    """The handler put this item off; the attempt does not count."""

    code = "SNOOZE"

    def __init__(self, delay: timedelta | float, message: str | None = None) -> None:
        """Take how long to wait before the item is due again: a timedelta, or seconds."""
        super().__init__(message)
        self.delay_seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
