"""Queues: making them, with the rules their items are worked under."""

from __future__ import annotations

from typing import Any, Final

from fairlead.db.rows import insert_row
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.domain.ids import new_id
from fairlead.domain.names import name_problem
from fairlead.domain.retry import BACKOFF_POLICIES, Backoff
from fairlead.queries.queues import Queue
from fairlead.schema.queues import Queue as QueueTable
from fairlead.services import audit
from fairlead.services.checks import range_problem, refuse, text_problem

_DEFAULT_BACKOFF: Final = Backoff()
_BACKOFF_FACTOR: Final = 100


async def create_queue(
    session: Session,
    scope: TenantScope,
    *,
    name: str,
    description: str | None = None,
    max_concurrency: int | None = 5,
    max_attempts: int = 3,
    lease_seconds: int = 30,
    backoff: Backoff = _DEFAULT_BACKOFF,
    created_by: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> Queue:
    """Make a queue; `max_concurrency` None means unlimited, `created_by` is a user's id.

    Raises ValidationFailed, and Conflict when another queue of the organization has that name.
    """
    rules: dict[str, Any] = {
        "name": name,
        "description": description,
        "max_concurrency": max_concurrency,
        "max_attempts": max_attempts,
        "lease_seconds": lease_seconds,
        "backoff_policy": backoff.policy,
        "backoff_base_seconds": backoff.base_seconds,
        "backoff_factor": backoff.factor,
        "backoff_cap_seconds": backoff.cap_seconds,
        "backoff_jitter": backoff.jitter,
    }
    _check(rules)
    keys = {"id": new_id(), "organization_id": scope.organization_id, "created_by": created_by}
    made = await insert_row(session, QueueTable, values={**keys, **rules}, model=Queue)
    subject = audit.Subject(scope.organization_id, "queue", made.id)
    await audit.record(session, scope, actor=actor, action="queue.created", subject=subject, after=rules)
    return made


def _check(rules: dict[str, Any]) -> None:
    policies = ", ".join(BACKOFF_POLICIES)
    ranges: dict[str, tuple[float, float]] = {
        "max_concurrency": (1, limits.MAX_CONCURRENCY),
        "max_attempts": (1, limits.MAX_ATTEMPTS),
        "lease_seconds": (1, limits.LEASE_SECONDS),
        "backoff_base_seconds": (0, limits.DELAY_SECONDS),
        "backoff_factor": (1, _BACKOFF_FACTOR),
        "backoff_cap_seconds": (0, limits.DELAY_SECONDS),
    }
    refuse(
        {
            "name": name_problem(rules["name"]),
            "description": text_problem(rules["description"]),
            "backoff_policy": None if rules["backoff_policy"] in BACKOFF_POLICIES else f"must be one of {policies}",
            **{field: range_problem(rules[field], least=least, most=most) for field, (least, most) in ranges.items()},
        }
    )
