"""How much the plan tests' database holds: enough for every plan in CI, and all that is promised by `make plans`."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of rows; `seed.sql` says of what. Waiting are the heavy, the spread, those for later and the blocked."""

    organizations: int
    idle_organizations: int
    heavy: int
    spread: int
    later: int
    blocked: int
    leased: int
    periods: int
    finished: int


USUAL = Size(
    organizations=100,
    idle_organizations=4_500,
    heavy=200_000,
    spread=20_000,
    later=50_000,
    blocked=20_000,
    leased=2_000,
    periods=20_000,
    finished=100_000,
)
# 5 million finished and 1 million waiting items, 10 000 queues in 1 000 organizations.
FULL = Size(
    organizations=1_000,
    idle_organizations=0,
    heavy=500_000,
    spread=300_000,
    later=150_000,
    blocked=50_000,
    leased=20_000,
    periods=100_000,
    finished=5_000_000,
)
SIZE = FULL if os.environ.get("FAIRLEAD_TEST_PLANS") == "full" else USUAL
