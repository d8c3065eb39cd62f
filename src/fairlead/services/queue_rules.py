"""What a queue may be told: the rules its items are worked under, and what makes a value of one unacceptable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, TypedDict

from fairlead.domain import limits
from fairlead.domain.retry import BACKOFF_POLICIES, Backoff, BackoffPolicy
from fairlead.services.checks import Check, named, range_problem, ranged, text_problem

OWN_NAMES: Final = "fairlead:"  # what the names of Fairlead's own queues begin with, and of no new one of anybody else
_BACKOFF_FACTOR: Final = 100
_BACKOFF_DELAYS: Final = 100


class QueueRules(TypedDict, total=False):
    """How a queue's items are worked. A limit of None is none; times are in seconds; back-off is whole or in parts."""

    description: str | None
    max_concurrency: int | None
    max_attempts: int
    lease_seconds: int
    backoff: Backoff
    backoff_policy: BackoffPolicy
    backoff_base_seconds: float
    backoff_factor: float
    backoff_cap_seconds: float
    backoff_jitter: bool
    backoff_delays: list[float]
    rate_limit: int | None
    rate_period_seconds: int
    max_depth: int | None
    retention_seconds: int | None


class QueueChanges(QueueRules, total=False):
    """The fields of a queue that can be changed; what is not given stays."""

    name: str


def _policy_problem(value: Any) -> str | None:
    return None if value in BACKOFF_POLICIES else f"must be one of {', '.join(BACKOFF_POLICIES)}"


def _delays_problem(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) > _BACKOFF_DELAYS:
        return f"must be up to {_BACKOFF_DELAYS} numbers of seconds"
    found = (range_problem(delay, least=0, most=limits.DELAY_SECONDS) for delay in value)
    return next((f"one of them {problem}" for problem in found if problem), None)


def _switch_problem(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _backoff_problem(value: Any) -> str | None:
    return None if isinstance(value, Backoff) else "must be a Backoff"


def own_name_problem(name: Any) -> str | None:
    """Return why a queue cannot be given this name, though it is one: it begins like those of Fairlead's own queues."""
    ours = isinstance(name, str) and name.startswith(OWN_NAMES)
    return f"must not begin with {OWN_NAMES} (those queues are Fairlead's own)" if ours else None


QUEUE_CHECKS: Final[dict[str, Check]] = {
    "name": named,
    "description": text_problem,
    "backoff": _backoff_problem,
    "max_concurrency": ranged(1, limits.MAX_CONCURRENCY, optional=True),
    "max_attempts": ranged(1, limits.MAX_ATTEMPTS),
    "lease_seconds": ranged(1, limits.LEASE_SECONDS),
    "backoff_policy": _policy_problem,
    "backoff_base_seconds": ranged(0, limits.DELAY_SECONDS, whole=False),
    "backoff_factor": ranged(1, _BACKOFF_FACTOR, whole=False),
    "backoff_cap_seconds": ranged(0, limits.DELAY_SECONDS, whole=False),
    "backoff_jitter": _switch_problem,
    "backoff_delays": _delays_problem,
    "rate_limit": ranged(1, limits.RATE, optional=True),
    "rate_period_seconds": ranged(1, limits.DELAY_SECONDS),
    "max_depth": ranged(1, limits.QUEUE_DEPTH, optional=True),
    "retention_seconds": ranged(0, limits.RETENTION_SECONDS, optional=True),
}


def columns_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return rules by column: a back-off given as a whole is six of them."""
    values = dict(given)
    if isinstance(backoff := values.get("backoff"), Backoff):
        del values["backoff"]
        values |= {f"backoff_{field}": value for field, value in asdict(backoff).items()}
        values["backoff_delays"] = _listed(backoff.delays)
    return values


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
