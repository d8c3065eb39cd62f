"""The aftermath: what may be left in a database when everything has ended and everybody has gone, namely nothing."""

from __future__ import annotations

from typing import Final

from chaos.server import Injector

_LEFT: Final[dict[str, str]] = {
    "expired leases": "select count(*) from queue_items where status = 'processing'",
    "open transactions": "select count(*) from pg_stat_activity where datname = current_database() "
    "and state like 'idle in transaction%%' and pid <> pg_backend_pid()",
    "taken slots": "select coalesce(sum(taken), 0) from slots",
    "items miscounted": """
select coalesce(sum(
    abs(coalesce(c.waiting, 0) - coalesce(i.waiting, 0)) + abs(coalesce(c.processing, 0) - coalesce(i.processing, 0))
    + abs(coalesce(c.completed, 0) - coalesce(i.completed, 0)) + abs(coalesce(c.failed, 0) - coalesce(i.failed, 0))
    + abs(coalesce(c.cancelled, 0) - coalesce(i.cancelled, 0))), 0)
from (
    select queue_id, sum(waiting) as waiting, sum(processing) as processing, sum(completed) as completed,
        sum(failed) as failed, sum(cancelled) as cancelled
    from item_counters group by queue_id
) c
full join (
    select queue_id, count(*) filter (where status = 'waiting') as waiting,
        count(*) filter (where status = 'processing') as processing,
        count(*) filter (where status = 'completed') as completed,
        count(*) filter (where status = 'failed') as failed,
        count(*) filter (where status = 'cancelled') as cancelled
    from queue_items group by queue_id
) i using (queue_id)
""",
    "connections": "select count(*) from pg_stat_activity where datname = current_database() "
    "and backend_type = 'client backend' and pid <> pg_backend_pid()",
}


def left_in(injector: Injector) -> dict[str, int]:
    """Count what is left, by kind."""
    return {name: int(injector.value(query)) for name, query in _LEFT.items()}
