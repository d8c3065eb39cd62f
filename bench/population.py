"""Organizations, queues and items by the thousand and the million, made by the server itself.

Waiting items are made by the engine's own ENQUEUE, whose list of items the server writes, so that everything that goes
with them (counters, say) is there. Finished ones are put where the engine moves them to, a month of them, oldest first.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import psycopg

from bench.answers import value
from bench.handlers import NOTHING
from bench.peers.common import PAYLOAD
from bench.statements import for_psycopg
from fairlead.engine.enqueue import ENQUEUE
from fairlead.schema.row_security import SYSTEM_ROLE

_BATCH = 20_000
_DAYS = 30
_TABLES = ("organizations", "queues", "queue_items", "item_counters")
_ORGANIZATIONS = """
insert into organizations (id, name, slug, weight)
select 'o' || lpad(n::text, 23, '0'), 'Benchmark ' || n, 'benchmark-' || n, %s
from generate_series(%s::integer, %s::integer) n
"""
_QUEUES = """
insert into queues (id, organization_id, name, max_concurrency, retention_seconds)
select 'q' || left(md5(o.id || name), 23), o.id, name, null, null
from (select 'o' || lpad(n::text, 23, '0') as id from generate_series(%s::integer, %s::integer) n) o
cross join unnest(%s::text[]) name
returning organization_id, id, name
"""
_ID = "'i' || left(md5(%(salt)s || n), 23)"
_ITEMS = f"""
(select jsonb_agg(jsonb_build_object('id', {_ID}, 'payload', %(payload)s::jsonb))
from generate_series(%(first)s::bigint, %(last)s::bigint) n)
""".strip()
_LOAD = for_psycopg(ENQUEUE, items=_ITEMS)
_FINISHED = f"""
insert into queue_items (id, organization_id, queue_id, payload, status, attempts, claims, created_at, started_at,
    completed_at, finished_at)
select {_ID}, %(organization_id)s, %(queue_id)s, %(payload)s::jsonb, 'completed', 1, 1, t.at, t.at, t.at, t.at
from generate_series(%(first)s::bigint, %(last)s::bigint) n
cross join lateral (
    select statement_timestamp() - make_interval(secs => {_DAYS} * 86400 * (1 - n::double precision / %(total)s)) as at
) t
"""
_UNFINISHED = "select count(*) from queue_items_live where organization_id = %s and queue_id = %s"
_COUNTED = "insert into item_counters (organization_id, queue_id, completed) values (%s, %s, %s)"


class QueueKey(NamedTuple):
    """Which queue, and whose."""

    organization_id: str
    queue_id: str
    name: str


@contextmanager
def as_fleet(url: str) -> Iterator[psycopg.Connection]:
    """Yield a connection in the role of the worker fleet, which sees every organization."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"set role {SYSTEM_ROLE}")
        yield connection


def add_queues(
    url: str, *, organizations: int = 1, names: Sequence[str] = NOTHING[:1], weight: int = 1, first: int = 0
) -> list[QueueKey]:
    """Make organizations, numbered from `first` on, with a queue of each name and no limits."""
    numbers = (first, first + organizations - 1)
    with as_fleet(url) as connection:
        connection.execute(_ORGANIZATIONS, (weight, *numbers))
        made = connection.execute(_QUEUES, (*numbers, list(names))).fetchall()
    return sorted(QueueKey(*row) for row in made)


def add_waiting(url: str, queues: Sequence[QueueKey], each: int) -> None:
    """Put items into queues, as many into each."""
    with as_fleet(url) as connection:
        for queue in queues:
            for batch in _batches(each):
                connection.execute(
                    _LOAD, {**batch, "organization_id": queue.organization_id, "queue_id": queue.queue_id}
                )


def top_up(url: str, queue: QueueKey, level: int) -> None:
    """Put as many items into a queue as it lacks to hold so many unfinished ones."""
    with as_fleet(url) as connection:
        there = value(connection, _UNFINISHED, (queue.organization_id, queue.queue_id))
    add_waiting(url, [queue], max(0, level - there))


def add_finished(url: str, queue: QueueKey, items: int) -> None:
    """Put completed items into a queue's past, evenly over the last month, and count them."""
    with as_fleet(url) as connection:
        for batch in _batches(items):
            parameters = {"organization_id": queue.organization_id, "queue_id": queue.queue_id, "total": items}
            connection.execute(_FINISHED, {**batch, **parameters})
        connection.execute(_COUNTED, (queue.organization_id, queue.queue_id, items))


def settle(url: str) -> None:
    """Vacuum and analyze, so that nobody measures the loading's aftermath."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"vacuum (analyze) {', '.join(_TABLES)}")


def _batches(items: int) -> Iterator[dict[str, object]]:
    salt = secrets.token_hex(8)
    for first in range(1, items + 1, _BATCH):
        last = min(first + _BATCH - 1, items)
        yield {"salt": salt, "payload": json.dumps(PAYLOAD), "first": first, "last": last}
