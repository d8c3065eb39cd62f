"""Buckets: taking tokens of limits that hold for all processes together, in one statement.

A bucket is kept as the instant at which it will be full again. Taking moves that on, and is refused when it would lie
further ahead than the whole bucket takes to fill. The rows are written in the order of their names, so that two callers
that take of the same buckets wait for each other and never deadlock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope
from fairlead.domain.budgets import Take

_GIVEN: Final = """
unnest(cast(:names as text[]), cast(:costs as double precision[]), cast(:sizes as double precision[]))
    as t (name, cost, size)
""".strip()

TAKE: Final = Statement(
    """
insert into buckets as b (name, full_at)
select t.name, statement_timestamp() + make_interval(secs => t.cost)
from {given}
on conflict (name) do update
set full_at = greatest(b.full_at, statement_timestamp()) + (excluded.full_at - statement_timestamp())
where greatest(b.full_at, statement_timestamp()) + (excluded.full_at - statement_timestamp())
    <= statement_timestamp() + (select make_interval(secs => t.size) from {given} where t.name = excluded.name)
""",
    given=_GIVEN,
)
WAIT: Final = Statement(
    """
select extract(epoch from max(b.full_at + make_interval(secs => t.cost - t.size) - statement_timestamp()))
from {given} join buckets b on b.name = t.name
""",
    given=_GIVEN,
)
GIVE_BACK: Final = Statement(
    """
with held as materialized (
    select b.name, t.cost
    from {given} join buckets b on b.name = t.name
    order by b.name for update of b
)
update buckets b set full_at = b.full_at - make_interval(secs => held.cost)
from held where b.name = held.name
""",
    given=_GIVEN,
)


async def take_tokens(session: Session, _scope: SystemScope, *, takes: Sequence[Take]) -> float:
    """Take tokens of several buckets and return 0, or the seconds after which another try makes sense.

    When one of them has too few, some of the others may have been taken: whoever gets anything but 0 lets the
    transaction end undone, and none was.
    """
    given = _parameters(takes)
    if await session.row_count(TAKE, given) == len(takes):
        return 0.0
    [(seconds,)] = await session.run(WAIT, given)
    return max(float(seconds or 0), 0.001)


async def give_back(session: Session, _scope: SystemScope, *, takes: Sequence[Take]) -> None:
    """Give tokens back that were taken."""
    await session.row_count(GIVE_BACK, _parameters(takes))


def _parameters(takes: Sequence[Take]) -> dict[str, Any]:
    ordered = sorted(takes, key=lambda take: take.name)
    return {
        "names": [take.name for take in ordered],
        "costs": [float(take.tokens * take.bucket.every_seconds) for take in ordered],
        "sizes": [float(take.bucket.burst * take.bucket.every_seconds) for take in ordered],
    }
