"""What a handler may know about its item, and do with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from fairlead.domain.json_values import problem
from fairlead.errors import ValidationFailed


@dataclass(slots=True)
class Item:
    """One attempt at one item. `attempt` is 1 the first time; `lease` is the fencing number for stores of your own.

    Do your work so that doing it twice is harmless: an item is delivered at least once.
    """

    id: str
    organization_id: str
    queue_id: str
    queue: str
    task: str | None
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    priority: int
    tags: list[str]
    created_at: datetime
    lease: int
    progress: dict[str, Any] | None = None
    _lost: bool = field(default=False, repr=False)

    @property
    def lease_lost(self) -> bool:
        """Whether somebody else may hold the item now: stop, the outcome will be refused.

        An async handler is cancelled when that happens; one on a thread has to look.
        """
        return self._lost

    def report_progress(self, **values: Any) -> None:
        """Show people how far it is; sent with the next renewal of the lease, the last values win."""
        if place := problem(values):
            raise ValidationFailed("The progress cannot be stored as JSON.", details={"progress": place})
        self.progress = orjson.loads(orjson.dumps(values))  # a copy: the handler may go on changing its own
