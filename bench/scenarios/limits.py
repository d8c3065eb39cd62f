"""`max_concurrency` watched from outside while workers are killed: never exceeded, no slot leaked."""

from __future__ import annotations

import os
import random
import signal
import time

import psycopg

from bench.answers import row, value
from bench.brood import brood
from bench.figures import Target
from bench.fleet import wait_until, worker
from bench.handlers import SHORT
from bench.population import QueueKey, add_queues, add_waiting, as_fleet
from bench.scenario import Ground, Outcome, Scenario, say

_OBSERVATIONS = 1_000_000
_AT_ONCE = 1_000
_LIMIT = 5
_LEASE_SECONDS = 1
_LIFE_SECONDS = (0.05, 0.6)  # of a worker that is killed: still starting, claiming, at work or reporting
_KILLS = 1_000
_CONCURRENCY = 20
_ITEMS = 2_000  # put in again whenever few are left
_FEW = 500
_WATCH = """
create function pg_temp.watch(organization text, queue text, times integer) returns table (most bigint, busy bigint)
language plpgsql volatile as $$
declare seen bigint;
begin
    most := 0;
    busy := 0;
    for number in 1..times loop  -- every statement in here has a snapshot of its own
        select count(*) into seen from queue_items_live
        where organization_id = organization and queue_id = queue and status = 'processing';
        most := greatest(most, seen);
        busy := busy + (seen > 0)::integer;
    end loop;
    return next;
end
$$
"""
_LIMITED = "update queues set max_concurrency = %s, lease_seconds = %s, max_attempts = 1000"
_WAITING = "select count(*) from queue_items_live where organization_id = %s and queue_id = %s"
_OFF = """
select coalesce(sum(abs(n.items - coalesce(n.counters, 0))), 0)
from unnest(array['waiting', 'processing', 'completed', 'failed', 'cancelled']) name
cross join lateral (
    select (select count(*) from queue_items i where i.status::text = name) as items,
        (select sum((to_jsonb(c) ->> name)::bigint) from item_counters c) as counters
) n
"""
_COMPLETED = "select count(*) from queue_items where status = 'completed'"
_TAKEN = "select coalesce(sum(abs(taken)), 0) from slots"


def _measure(ground: Ground) -> Outcome:
    wanted, kills = ground.scaled(_OBSERVATIONS, least=_AT_ONCE), ground.scaled(_KILLS)
    with ground.database("limits") as url, as_fleet(url) as connection:
        queue = add_queues(url, names=[SHORT])[0]
        connection.execute(_LIMITED, (_LIMIT, _LEASE_SECONDS))
        connection.execute(_WATCH)
        found = _watched(connection, url, queue, wanted=wanted, kills=kills)
        with worker(url, concurrency=_CONCURRENCY) as process:
            wait_until(lambda: not value(connection, _WAITING, queue[:2]), process)
        found["completed"] = value(connection, _COMPLETED)
        leaked = int(value(connection, _TAKEN))
        off = int(value(connection, _OFF))
    say(f"    {found}, slots leaked {leaked}, counters off by {off}")
    problems = [] if found["most"] else ["Nothing was ever processing: nothing was observed."]
    exceeded = max(0, found["most"] - _LIMIT)
    observed = f"{found['observations']:,} observations ({found['busy']:,} while items ran)"
    title = f"max_concurrency exceeded by, {observed}, {found['kills']:,} kills"
    return Outcome(
        [
            Target(title, 0, at_most=True).over([exceeded]),
            Target("slots leaked", 0, at_most=True).over([leaked]),
            Target(f"counters off by, after {found['kills']:,} kills", 0, at_most=True).over([off]),
        ],
        found,
        problems,
    )


def _watched(connection: psycopg.Connection, url: str, queue: QueueKey, *, wanted: int, kills: int) -> dict[str, int]:
    """Watch while two workers share the limit, one of which is killed and replaced again and again."""
    found = {"observations": 0, "busy": 0, "most": 0, "kills": 0}
    chance = random.Random(7)  # noqa: S311 - a run that can be repeated
    with worker(url, concurrency=_CONCURRENCY), brood(url, concurrency=_CONCURRENCY) as born:
        while found["observations"] < wanted or found["kills"] < kills:
            victim, end = born(), time.monotonic() + chance.uniform(*_LIFE_SECONDS)
            while time.monotonic() < end:
                if value(connection, _WAITING, queue[:2]) < _FEW:
                    add_waiting(url, [queue], _ITEMS)
                _observe(connection, queue, found)
            os.kill(victim, signal.SIGKILL)
            found["kills"] += 1
    return found


def _observe(connection: psycopg.Connection, queue: QueueKey, found: dict[str, int]) -> None:
    statement = "select most, busy from pg_temp.watch(%s, %s, %s)"
    most, busy = row(connection, statement, (queue.organization_id, queue.queue_id, _AT_ONCE))
    found["observations"] += _AT_ONCE
    found["busy"] += busy
    found["most"] = max(found["most"], most)


LIMITS = Scenario(
    name="limits",
    title="Limits of concurrency under kills",
    how=f"A queue with max_concurrency {_LIMIT} and leases of {_LEASE_SECONDS} s, handlers of 5 ms, two workers that "
    f"would run {_CONCURRENCY} each; one is killed with SIGKILL after {_LIFE_SECONDS[0]:g} to {_LIFE_SECONDS[1]:g} s "
    "and replaced. "
    "Meanwhile one connection counts the processing items again and again, each count in a snapshot of its own; in the "
    "end everything is worked off, no slot may be taken, and the counters must be what the items are. Chaos (`python "
    "-m chaos`) has the other faults",
    measure=_measure,
)
