"""Ten thousand queues in a thousand organizations: all active against one queue, and all idle."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.answers import value
from bench.figures import Target
from bench.fleet import LEAST_DRAINED, SPARE, drain_rate, wait_until, worker
from bench.handlers import NOTHING
from bench.population import add_queues, add_waiting, as_fleet, settle
from bench.proxy import CountingProxy
from bench.scenario import Ground, Outcome, Scenario, alternated, say

_ORGANIZATIONS = 1_000
_DRAINED = 200_000
_ONE, _MANY = "one queue", "many queues"
_IDLE_SECONDS = 30
_LEAST_IDLE_SECONDS = 5
_SETTLE_SECONDS = 5  # a worker that has just started may still be looking around
_TRANSACTIONS = "select xact_commit from pg_stat_database where datname = current_database()"
_CONNECTED = "select count(*) from pg_stat_activity where datname = current_database() and application_name like %s"


def _measure_active(ground: Ground) -> Outcome:
    organizations, drained = ground.scaled(_ORGANIZATIONS, least=10), ground.scaled(_DRAINED, least=LEAST_DRAINED)
    queues = organizations * len(NOTHING)
    rates: dict[str, list[float]] = {_ONE: [], _MANY: []}
    each = -(-(drained + SPARE) // queues)
    for round_number in range(ground.rounds):
        for name in alternated([_ONE, _MANY], round_number):
            with ground.database("queues") as url:
                many = name == _MANY
                made = add_queues(url, organizations=organizations, names=NOTHING) if many else add_queues(url)
                add_waiting(url, made, each if many else each * queues)
                settle(url)
                rates[name].append(drain_rate(url, drained))
            say(f"    {name}: {rates[name][-1]:,.0f} items/s")
    ratios = [many / one for many, one in zip(rates[_MANY], rates[_ONE], strict=True)]
    title = f"{queues:,} queues in {organizations:,} organizations, all active, against one queue"
    return Outcome([Target(title, 0.8).over(ratios)], {"items_per_second": rates})


def _measure_idle(ground: Ground) -> Outcome:
    organizations = ground.scaled(_ORGANIZATIONS, least=10)
    seconds = max(_LEAST_IDLE_SECONDS, round(_IDLE_SECONDS * min(1, ground.scale)))
    rounds = []
    for _ in range(ground.rounds):
        with ground.database("idle") as url:
            add_queues(url, organizations=organizations, names=NOTHING)
            settle(url)
            rounds.append(_idle(url, seconds))
            say(f"    {rounds[-1]}")
    queues = f"{organizations * len(NOTHING):,} idle queues"
    return Outcome(
        [
            Target(f"{queues}: statements of an idle worker", 2, at_most=True, unit="/s").over(
                [one["statements_per_second"] for one in rounds]
            ),
            Target(f"{queues}: CPU of an idle worker", 1, at_most=True, unit="%").over(
                [one["cpu_percent"] for one in rounds]
            ),
        ],
        {"rounds": rounds, "seconds": seconds},
    )


def _idle(url: str, seconds: float) -> dict[str, float]:
    with CountingProxy(url) as proxy, as_fleet(url) as connection, worker(proxy.url) as process:
        wait_until(lambda: value(connection, _CONNECTED, ("fairlead%",)) > 0, process)
        time.sleep(_SETTLE_SECONDS)
        began, cpu, counts = time.monotonic(), _cpu_seconds(process.pid), proxy.counts()
        transactions = value(connection, _TRANSACTIONS)
        time.sleep(seconds)
        elapsed = time.monotonic() - began
        later = proxy.counts()
        return {
            "statements_per_second": round((later.statements - counts.statements) / elapsed, 2),
            "messages_per_second": round((later.messages - counts.messages) / elapsed, 2),
            # Of everybody in the database: autovacuum and this very question among them.
            "transactions_per_second": round((value(connection, _TRANSACTIONS) - transactions) / elapsed, 2),
            "cpu_percent": round((_cpu_seconds(process.pid) - cpu) / elapsed * 100, 2),
        }


def _cpu_seconds(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


MANY_QUEUES = Scenario(
    name="many_queues",
    title="Ten thousand active queues",
    how="As many items in all queues together as in one, the same worker process; no-op items, unlimited queues, ten "
    "queue names served; timed by when the items finished",
    measure=_measure_active,
)
IDLE_QUEUES = Scenario(
    name="idle_queues",
    title="Ten thousand idle queues",
    how="A real worker that serves ten queue names of a thousand organizations and finds nothing; its statements are "
    "counted on the wire (a message with five commands counts five; begin, commit and settings are counted), its CPU "
    "by the kernel, maintenance included",
    measure=_measure_idle,
)
