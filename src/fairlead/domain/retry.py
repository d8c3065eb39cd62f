"""Back-off: how long a failed item waits before its next attempt.

Exponential with a cap and full jitter (the delay is drawn between nothing and the bound), after
"Exponential Backoff And Jitter", AWS Architecture Blog, 2015: it spreads a herd best. Others grow by as much each time,
stay as they are, or follow a list, whose last delay is that of every later attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BackoffPolicy = Literal["exponential", "linear", "fixed", "list"]
BACKOFF_POLICIES: tuple[BackoffPolicy, ...] = ("exponential", "linear", "fixed", "list")


@dataclass(frozen=True, slots=True)
class Backoff:
    """A queue's back-off; all times in seconds. `delays` are those of the policy 'list', which needs one at least."""

    policy: BackoffPolicy = "exponential"
    base_seconds: float = 1.0
    factor: float = 2.0
    cap_seconds: float = 3600.0
    jitter: bool = True
    delays: tuple[float, ...] = ()


def delay_seconds(backoff: Backoff, attempt: int, *, chance: float) -> float:
    """Return the wait after attempt number `attempt` (1 is the first); `chance` is uniform in [0, 1)."""
    bound = min(_bound(backoff, max(attempt, 1)), backoff.cap_seconds)
    return bound * chance if backoff.jitter else bound


def _bound(backoff: Backoff, attempt: int) -> float:
    if backoff.policy == "fixed":
        return backoff.base_seconds
    if backoff.policy == "list":
        return backoff.delays[min(attempt, len(backoff.delays)) - 1] if backoff.delays else 0.0
    if backoff.policy == "linear":
        return backoff.base_seconds * attempt
    try:
        return float(backoff.base_seconds * backoff.factor ** (attempt - 1))
    except OverflowError:
        return backoff.cap_seconds if backoff.base_seconds else 0.0
