"""Rate limits at the door: a request is counted by its address before anything else, then by its credential.

Where whoever asks stands goes into `request.state.standing`; `api/edge.py` tells it with every answer.
"""

from __future__ import annotations

from starlette.requests import Request

from fairlead.api.addresses import address_of
from fairlead.domain.rate_limits import Standing
from fairlead.errors import RateLimited
from fairlead.services.access import Principal
from fairlead.services.rate_limits import RateLimiter


async def admit_address(request: Request) -> None:
    """Count a request by its address; raises RateLimited."""
    limiter: RateLimiter = request.app.state.limiter
    _let_in(request, await limiter.admit_address(address_of(request)))


async def admit_principal(request: Request, principal: Principal) -> None:
    """Count a request by its API key and its organization; raises RateLimited."""
    limiter: RateLimiter = request.app.state.limiter
    _let_in(request, await limiter.admit(principal))


def standing_headers(standing: Standing | None) -> dict[str, str]:
    """Return the headers that tell somebody where they stand."""
    if standing is None:
        return {}
    return {
        "RateLimit-Limit": str(standing.limit),
        "RateLimit-Remaining": str(standing.remaining),
        "RateLimit-Reset": str(standing.reset_seconds),
    }


def _let_in(request: Request, standing: Standing | None) -> None:
    if standing is None:
        return
    before: Standing | None = getattr(request.state, "standing", None)
    request.state.standing = standing if before is None else min(before, standing, key=lambda one: one.left)
    if standing.wait_seconds:
        raise RateLimited(retry_after_seconds=standing.wait_seconds)
