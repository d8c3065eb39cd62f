"""Five million waiting in one queue, and five million finished: what of the throughput is kept."""

from __future__ import annotations

from bench.figures import Target
from bench.fleet import LEAST_DRAINED, SPARE, drain_rate
from bench.population import add_finished, add_queues, settle, top_up
from bench.scenario import Ground, Outcome, Scenario, alternated, say

_MUCH = 5_000_000
_DRAINED = 60_000
_PLAIN, _WAITING, _FINISHED = "nothing else", "waiting", "finished"


def _measure(ground: Ground) -> Outcome:
    much, drained = ground.scaled(_MUCH), ground.scaled(_DRAINED, least=LEAST_DRAINED)
    with ground.database("plain") as plain, ground.database("waiting") as waiting, ground.database("done") as finished:
        urls = {_PLAIN: plain, _WAITING: waiting, _FINISHED: finished}
        queues = {name: add_queues(url)[0] for name, url in urls.items()}
        say(f"  Loading {much:,} waiting and {much:,} finished items")
        levels = dict.fromkeys(urls, drained + SPARE) | {_WAITING: much + drained + SPARE}
        add_finished(finished, queues[_FINISHED], much)
        for name, url in urls.items():
            top_up(url, queues[name], levels[name])
            settle(url)
        rates: dict[str, list[float]] = {name: [] for name in urls}
        for round_number in range(ground.rounds):
            for name in alternated(list(urls), round_number):
                top_up(urls[name], queues[name], levels[name])
                rates[name].append(drain_rate(urls[name], drained))
                say(f"    {name}: {rates[name][-1]:,.0f} items/s")
    return Outcome(
        [
            Target(f"throughput kept with {much:,} waiting", 0.8).over(_kept(rates, _WAITING)),
            Target(f"throughput kept with {much:,} finished", 0.9).over(_kept(rates, _FINISHED)),
        ],
        {"items_per_second": rates},
    )


def _kept(rates: dict[str, list[float]], name: str) -> list[float]:
    return [rate / plain for rate, plain in zip(rates[name], rates[_PLAIN], strict=True)]


BACKLOG = Scenario(
    name="backlog",
    title="Millions waiting, millions finished",
    how="Three databases on one server: one with millions waiting in the queue, one with millions finished in it, one "
    "with neither; a real worker drains no-op items from each in turn, 60,000 and more, timed by when they finished",
    measure=_measure,
)
