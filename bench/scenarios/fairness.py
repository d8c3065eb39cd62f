"""Fairness: what a small organization waits behind a large one's flood, and who gets how much of the fleet."""

from __future__ import annotations

from bench.figures import Target
from bench.fleet import SPARE, drain_rate, moved, worker
from bench.handlers import LATENCY, NOTHING
from bench.population import QueueKey, add_queues, add_waiting, as_fleet, settle
from bench.producer import tail, waits
from bench.scenario import Ground, Outcome, Scenario, alternated, say

_FLOOD = 1_000_000
_LEAST_WAITS = 20
_COMPLETIONS = 100_000
_WEIGHTS = (1, 2, 4)
_SHARES = """
select organization_id, count(*) from (
    select organization_id from queue_items where finished_at < 'infinity' order by finished_at limit %s
) first group by organization_id
"""


def _measure_flood(ground: Ground) -> Outcome:
    flood = ground.scaled(_FLOOD)
    rounds = []
    for _ in range(ground.rounds):
        behind = _waits(ground, flood, _LEAST_WAITS)
        alone = _waits(ground, 0, len(behind))
        rounds.append({"behind": behind, "alone": alone})
        say(f"    p99 behind the flood {tail(behind):.1f} ms, alone {tail(alone):.1f} ms, {len(behind)} items each")
    ratios = [tail(one["behind"]) / tail(one["alone"]) for one in rounds]
    title = f"A floods {flood:,}, B enqueues 1/s: B's wait p99 against B alone"
    return Outcome([Target(title, 2, at_most=True).over(ratios)], {"wait_milliseconds": rounds})


def _waits(ground: Ground, flood: int, count: int) -> list[float]:
    """Return what B's items waited while A's flood lasts, and at least so many."""
    with ground.database("flood") as url:
        large = add_queues(url)[0]
        small = add_queues(url, names=[LATENCY], first=1)[0]
        if flood:
            add_waiting(url, [large], flood)
        settle(url)
        with as_fleet(url) as connection, worker(url):
            waits(url, small, rate=1, goes_on=lambda sent: sent < 1)  # the worker is there
            return waits(url, small, rate=1, goes_on=lambda sent: sent < count or moved(connection) < flood)


def _measure_weights(ground: Ground) -> Outcome:
    completions = ground.scaled(_COMPLETIONS, least=10_000)
    deviations, alone, shares, rates = [], [], [], []
    for round_number in range(ground.rounds):
        found: dict[str, float] = {}
        for name in alternated(["all", "one"], round_number):
            with ground.database("weights") as url:
                queues = [add_queues(url, weight=weight, first=weight)[0] for weight in _WEIGHTS]
                add_waiting(url, queues if name == "all" else queues[:1], completions + SPARE)
                settle(url)
                found[name] = drain_rate(url, completions)
                if name == "all":
                    shares.append(_shares(url, queues, completions))
        deviations.append(_deviation(shares[-1]))
        alone.append(found["one"] / found["all"])
        rates.append(found)
        say(f"    shares {shares[-1]}, off by {deviations[-1]:.1f} %; alone {alone[-1]:.2f} of the fleet")
    title = f"weights 1 : 2 : 4, share of {completions:,} completions, off by"
    return Outcome(
        [
            Target(title, 5, at_most=True, unit="%").over(deviations),
            Target("one organization alone, of what all three get together", 0.95).over(alone),
        ],
        {"completions_by_weight": shares, "items_per_second": rates},
    )


def _shares(url: str, queues: list[QueueKey], completions: int) -> list[int]:
    with as_fleet(url) as connection:
        found = dict(connection.execute(_SHARES, (completions,)).fetchall())
    return [found.get(queue.organization_id, 0) for queue in queues]


def _deviation(shares: list[int]) -> float:
    """Return how far the one that is furthest off is from what its weight promises, in percent of that."""
    whole = sum(shares)
    wanted = [whole * weight / sum(_WEIGHTS) for weight in _WEIGHTS]
    return max(abs(share - due) / due for share, due in zip(shares, wanted, strict=True)) * 100


FLOOD = Scenario(
    name="flood",
    title="A small organization behind a flood",
    how="A has a million no-op items waiting when the worker starts; B enqueues one item a second with `enqueue_items` "
    "and a wake-up, at least 20 and for as long as the flood lasts, and its handler says how long it was under way; "
    "then as many with nothing else in the database",
    measure=_measure_flood,
)
WEIGHTS = Scenario(
    name="weights",
    title="Weights",
    how=f"Three organizations of weight 1, 2 and 4, each with more waiting on `{NOTHING[0]}` than is looked at, one "
    "worker process; the first completions are counted by organization, and the one furthest off counts. Then the "
    "smallest alone has items, and its rate is held against the rate of all three",
    measure=_measure_weights,
)
