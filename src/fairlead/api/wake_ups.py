"""Whom a cancelling wakes, after its commit: workers that hold an item, and those who wait for what others freed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from fairlead.db.notify import Notifier


class Cancelled(Protocol):
    """An item that was cancelled, and whether it has ended."""

    @property
    def id(self) -> str:
        """The item."""

    @property
    def queue_id(self) -> str:
        """Its queue."""

    @property
    def ended(self) -> bool:
        """Whether nobody worked on it."""


def announce_cancelled(notifier: Notifier, cancelled: Iterable[Cancelled]) -> None:
    """Tell the holders of items that are being cancelled, and of the others that a turn of an ordering key is free."""
    for item in cancelled:
        if item.ended:
            notifier.announce(item.queue_id)
        else:
            notifier.announce_cancelled(item.id)
