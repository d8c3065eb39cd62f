"""Buckets: taking tokens of limits that hold for all processes together, in one statement.

A bucket is kept as the instant at which it will be full again. Taking moves that on, never further ahead than the whole
bucket takes to fill: a bucket gives as many tokens as are asked for and there are. The rows are written in the order of
their names, so that two callers that take of the same buckets wait for each other and never deadlock. What the last
taking got stands in the row because that is the one thing an upsert can tell of what was there before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope
from fairlead.domain.budgets import Take

_GIVEN: Final = """
unnest(cast(:names as text[]), cast(:tokens as integer[]), cast(:bursts as integer[]),
    cast(:every as double precision[])) as t (name, tokens, burst, every)
""".strip()

# A thousandth of a token makes up for what rounding to microseconds takes.
TAKE: Final = Statement(
    """
insert into buckets as b (name, taken, full_at)
select t.name, least(t.tokens, t.burst),
    statement_timestamp() + make_interval(secs => least(t.tokens, t.burst) * t.every)
from {given}
on conflict (name) do update
set (taken, full_at) = (
    select n.taken, n.since + make_interval(secs => n.taken * t.every)
    from {given}
    cross join lateral (select greatest(b.full_at, statement_timestamp()) as since) s
    cross join lateral (
        select s.since, greatest(0, least(t.tokens, floor(
            t.burst - extract(epoch from s.since - statement_timestamp()) / t.every + 0.001
        )))::integer as taken
    ) n
    where t.name = excluded.name
)
returning b.name, b.taken, cast(extract(epoch from b.full_at - statement_timestamp()) as double precision)
""",
    given=_GIVEN,
)
GIVE_BACK: Final = Statement(
    """
with held as materialized (
    select b.name, t.tokens * t.every as cost
    from {given} join buckets b on b.name = t.name
    order by b.name for update of b
)
update buckets b set full_at = b.full_at - make_interval(secs => held.cost)
from held where b.name = held.name
""",
    given=_GIVEN,
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a bucket gave, and after how many seconds it will be full when nobody takes more."""

    tokens: int
    full_in_seconds: float


async def draw_tokens(session: Session, _scope: SystemScope, *, takes: Sequence[Take]) -> list[Drawn]:
    """Take of each bucket as many tokens as are asked for and there are; return what each gave, in the same order."""
    rows = await session.run(TAKE, _parameters(takes))
    drawn = {name: Drawn(tokens, max(full_in_seconds, 0.0)) for name, tokens, full_in_seconds in rows}
    return [drawn[take.name] for take in takes]


async def take_tokens(session: Session, scope: SystemScope, *, takes: Sequence[Take]) -> float:
    """Take tokens of several buckets and return 0, or the seconds after which another try makes sense.

    When one of them has too few, some of the others may have been taken: whoever gets anything but 0 lets the
    transaction end undone, and none was.
    """
    drawn = await draw_tokens(session, scope, takes=takes)
    return max((_wait_seconds(take, gave) for take, gave in zip(takes, drawn, strict=True)), default=0.0)


async def give_back(session: Session, _scope: SystemScope, *, takes: Sequence[Take]) -> None:
    """Give tokens back that were taken."""
    await session.row_count(GIVE_BACK, _parameters(takes))


def _wait_seconds(take: Take, drawn: Drawn) -> float:
    """Return how long a bucket takes to have all that was asked for, as it was before it gave a part of that."""
    if drawn.tokens == take.tokens:
        return 0.0
    missing = take.tokens - drawn.tokens - take.bucket.burst
    return max(drawn.full_in_seconds + missing * take.bucket.every_seconds, 0.001)


def _parameters(takes: Sequence[Take]) -> dict[str, Any]:
    ordered = sorted(takes, key=lambda take: take.name)
    return {
        "names": [take.name for take in ordered],
        "tokens": [take.tokens for take in ordered],
        "bursts": [take.bucket.burst for take in ordered],
        "every": [float(take.bucket.every_seconds) for take in ordered],
    }
