"""What a handler may know about its item, and do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from fairlead.db.session import Session
from fairlead.db.tenancy import tenant
from fairlead.domain.json_values import problem
from fairlead.engine.complete import Completion, complete
from fairlead.engine.complete_outside import complete_outside
from fairlead.engine.outside import HandedOut
from fairlead.engine.reports import Lease
from fairlead.errors import ItemCancelled, LeaseLost, ValidationFailed
from fairlead.queries.cancelled import find_cancelled
from fairlead.worker.result import written


@dataclass(slots=True)
class Item:
    """One attempt at one item. `attempt` is 1 the first time; `lease` is the fencing number for stores of your own.

    `progress` is what was last reported and sent, at first by an earlier attempt: this one can go on from there.
    `errors` are what the earlier attempts ended with, the last ten, oldest first: each has `attempt`, `at`, `error`.
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
    errors: Sequence[dict[str, Any]] = ()
    _stop: str | None = field(default=None, repr=False)
    _finishing: bool = field(default=False, repr=False)  # whether a transaction of the handler's completes it

    @property
    def lease_lost(self) -> bool:
        """Whether the item is not ours any more, cancelled or somebody else's: stop, the outcome will be refused.

        A cancelled one keeps its slot and its ordering key until the handler has stopped.

        An async handler is cancelled when that happens; one on a thread has to look.
        """
        return self._stop in {"lease lost", "cancelled"}

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled the item while it was worked on."""
        return self._stop == "cancelled"

    async def complete(self, session: Session, *, result: Any = None) -> None:
        """Complete the item in a transaction of yours, so that it is completed if and only if what you did is kept.

        The session is a unit of work in the item's organization. Commit it before the handler returns: an attempt whose
        transaction was not committed has failed. Raises LeaseLost (ItemCancelled when the item was cancelled), which
        leaves you nothing to commit, and ValidationFailed for a result that cannot be stored.
        """
        completion = self._completion(result)
        self._finishing = True
        try:
            accepted = await complete(session, tenant(self.organization_id), completions=[completion], keeps_slots=True)
        except BaseException:
            self._finishing = False
            raise
        if not accepted:
            self._finishing = False
            raise ItemCancelled if await self._is_cancelled(session) else LeaseLost

    def completion(self, result: Any = None) -> HandlersCompletion:
        """Return what completes the item in a transaction on a connection of your own; as `complete` otherwise."""
        statements = tuple(complete_outside(self._completion(result)))
        self._finishing = True
        return HandlersCompletion(statements)

    async def _is_cancelled(self, session: Session) -> bool:
        scope = tenant(self.organization_id)
        return bool(await find_cancelled(session, scope, leases=[(self.organization_id, self.id, self.lease)]))

    def _completion(self, result: Any) -> Completion:
        lease = Lease(self.organization_id, self.id, self.lease, self.queue_id)
        return Completion(lease, written(result))

    def report_progress(self, **values: Any) -> None:
        """Show people how far it is; sent with the next renewal of the lease, the last values win."""
        if place := problem(values):
            raise ValidationFailed("The progress cannot be stored as JSON.", details={"progress": place})
        self.progress = orjson.loads(orjson.dumps(values))  # a copy: the handler may go on changing its own


@dataclass(frozen=True, slots=True)
class HandlersCompletion:
    """What completes an item in a transaction of the handler's own.

    Run each of `statements` with its parameters, in order, on a psycopg connection, synchronous or not, whose login is
    a member of the role fairlead_app. When the lease is lost one of them raises SQLSTATE FL409: roll back.
    """

    statements: tuple[HandedOut, ...]
