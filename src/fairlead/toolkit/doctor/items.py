"""Work that does not move: queues nobody claims from, maintenance that does not come, accounts that are off.

What is late is measured by the database's clock. A minute late is far beyond what maintenance needs when it is there
(`docs/operations/maintenance.md`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fairlead.toolkit.doctor.finding import Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.installation import see_all_organizations
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.doctor.phrases import how_long, how_many

_MAINTENANCE: Final = (
    "Every 'fairlead worker' and 'fairlead serve' carries maintenance: see that one runs, and what its log says."
)
QUEUE_STALLED: Final = Condition(
    "queue-stalled",
    Severity.WARNING,
    "A queue has items that are ready, and for a quarter of an hour nobody has worked on any.",
    "See that a worker runs with this queue among its --queues, and what its log says.",
)
TASK_FAILING: Final = Condition(
    "task-failing",
    Severity.WARNING,
    "Most of what a task finished in the last hour failed for good.",
    "Read the errors: fairlead queue show …, or error_message of the items; mend the handler, then retry them.",
)
LEASES_EXPIRED: Final = Condition(
    "leases-expired",
    Severity.ERROR,
    "Leases are over and their items were not taken back: nothing rescues what killed workers held.",
    _MAINTENANCE,
)
ITEMS_LATE: Final = Condition(
    "items-late",
    Severity.ERROR,
    "Delayed items and retries are due and were not made ready.",
    _MAINTENANCE,
)
ORDERING_KEY_STUCK: Final = Condition(
    "ordering-key-stuck",
    Severity.ERROR,
    "Items wait behind their ordering key, but no item of that key is before them and nothing will call them.",
    "Leave a note for each: insert into ordering_turns (organization_id, queue_id, ordering_key) … as fairlead_system; "
    "and tell us, since the engine leaves one itself.",
)
MAINTENANCE_ABSENT: Final = Condition(
    "maintenance-absent",
    Severity.WARNING,
    "No process does the periodic work: schedules, retention, counters and the comparing of slots.",
    _MAINTENANCE,
)
SLOTS_WRONG: Final = Condition(
    "slots-wrong",
    Severity.WARNING,
    "A limited queue's slots are not what its leases say: it works on fewer items than it may, or on more.",
    "fairlead db reconcile; maintenance does it every half minute.",
)
COUNTERS_WRONG: Final = Condition(
    "counters-wrong",
    Severity.WARNING,
    "The counters of a queue are not what its items say; items were moved past Fairlead.",
    "fairlead db recount",
)

_STATUSES: Final = ("waiting", "processing", "completed", "failed", "cancelled")
_MOST: Final = 20  # findings of one kind; the worst come first

# The first in line is the one that a claim would take, and an index leads to it.
_STALLED: Final = """
select o.slug, q.name, extract(epoch from statement_timestamp() - f.since) as seconds
from queues q
join organizations o on o.id = q.organization_id
cross join lateral (
    select coalesce(greatest(i.scheduled_for, i.created_at), i.created_at) as since
    from queue_items_live i
    where i.organization_id = q.organization_id and i.queue_id = q.id and i.status = 'waiting' and i.ready
    order by (-i.priority), i.seq
    limit 1
) f
where q.deleted_at is null and o.deleted_at is null
    and (q.paused_at is null or q.resume_at <= statement_timestamp())
    and f.since < statement_timestamp() - make_interval(secs => :seconds)
    and not exists (select from queue_items_live w where w.organization_id = q.organization_id and w.queue_id = q.id
        and w.status = 'processing')
    and not exists (select from queue_items_finished d where d.organization_id = q.organization_id
        and d.queue_id = q.id and d.finished_at > statement_timestamp() - make_interval(secs => :seconds)
        and d.claims > 0)
order by seconds desc
limit :most
"""

_FAILING: Final = """
select o.slug, q.name, d.task, d.failed, d.finished
from queues q
join organizations o on o.id = q.organization_id
cross join lateral (
    select i.task, count(*) filter (where i.status = 'failed') as failed, count(*) as finished
    from queue_items_finished i
    where i.organization_id = q.organization_id and i.queue_id = q.id
        and i.finished_at > statement_timestamp() - interval '1 hour' and i.status in ('completed', 'failed')
    group by i.task
) d
where d.failed >= :items and d.failed > d.finished * cast(:share as double precision)
order by d.failed desc
limit :most
"""

_LATE: Final = """
select count(*), extract(epoch from statement_timestamp() - min({when}))
from queue_items_live i
where {which} and {when} < statement_timestamp() - make_interval(secs => :seconds)
"""
_EXPIRED: Final = _LATE.replace("{when}", "i.lease_expires_at").replace("{which}", "i.status = 'processing'")
_DUE: Final = _LATE.replace("{when}", "i.scheduled_for").replace(
    "{which}", "i.status = 'waiting' and not i.ready and not i.blocked"
)

_STUCK: Final = """
select o.slug, q.name, b.ordering_key, b.items
from (
    select i.organization_id, i.queue_id, i.ordering_key, count(*) as items
    from queue_items_live i
    where i.blocked
    group by i.organization_id, i.queue_id, i.ordering_key
) b
join queues q on q.organization_id = b.organization_id and q.id = b.queue_id
join organizations o on o.id = b.organization_id
where not exists (select from queue_items_live f where f.organization_id = b.organization_id
        and f.queue_id = b.queue_id and f.ordering_key = b.ordering_key and not f.blocked)
    and not exists (select from ordering_turns n where n.organization_id = b.organization_id
        and n.queue_id = b.queue_id and n.ordering_key = b.ordering_key)
order by b.items desc
limit :most
"""

_SLOTS: Final = """
with there as (
    select organization_id, queue_id, count(*) as taken
    from queue_items_live where status = 'processing' and counted group by organization_id, queue_id
    union all
    select organization_id, '', count(*)
    from queue_items_live where status = 'processing' and counted group by organization_id
)
select o.slug, coalesce(q.name, ''), coalesce(s.taken, 0) as kept, coalesce(t.taken, 0) as there
from slots s
full join there t using (organization_id, queue_id)
join organizations o on o.id = organization_id
left join queues q on q.organization_id = o.id and q.id = queue_id
where coalesce(s.taken, 0) <> coalesce(t.taken, 0)
order by abs(coalesce(s.taken, 0) - coalesce(t.taken, 0)) desc
limit :most
"""

_COUNTERS: Final = f"""
with kept as (
    select organization_id, queue_id, {", ".join(f"sum({status}) as {status}" for status in _STATUSES)}
    from item_counters group by organization_id, queue_id
),
there as (
    select organization_id, queue_id,
        {", ".join(f"count(*) filter (where status = '{status}') as {status}" for status in _STATUSES)}
    from queue_items group by organization_id, queue_id
)
select o.slug, q.name, {" + ".join(f"abs(coalesce(k.{status}, 0) - coalesce(t.{status}, 0))" for status in _STATUSES)}
from kept k
full join there t using (organization_id, queue_id)
join organizations o on o.id = organization_id
join queues q on q.organization_id = o.id and q.id = queue_id
where {" or ".join(f"coalesce(k.{status}, 0) <> coalesce(t.{status}, 0)" for status in _STATUSES)}
order by 3 desc
limit :most
"""  # noqa: S608 - our own names


def _look_at_queues(patient: Patient) -> Iterator[Finding]:
    see_all_organizations(patient)
    for slug, name, seconds in patient.rows(_STALLED, seconds=patient.limits.stalled_seconds, most=_MOST):
        yield QUEUE_STALLED.found(
            f"The queue {name} of {slug} has an item that has waited for {how_long(seconds)}, and nobody works on any.",
            subject=f"{slug}/{name}",
            seconds=float(seconds),
        )


def _look_at_tasks(patient: Patient) -> Iterator[Finding]:
    see_all_organizations(patient)
    limits = patient.limits
    rows = patient.rows(_FAILING, items=limits.failed_items, share=limits.failed_share, most=_MOST)
    for slug, name, task, failed, finished in rows:
        what = f"The task {task}" if task else "What has no task"
        yield TASK_FAILING.found(
            f"{what} in the queue {name} of {slug} failed {failed:,} of {how_many(finished, 'time')} in the last hour.",
            subject=f"{slug}/{name}" + (f"/{task}" if task else ""),
            failed=failed,
            finished=finished,
        )


def _look_at_late_items(patient: Patient) -> Iterator[Finding]:
    see_all_organizations(patient)
    for condition, statement, what in (
        (LEASES_EXPIRED, _EXPIRED, "a lease that is over"),
        (ITEMS_LATE, _DUE, "become due and not been made ready"),
    ):
        count, seconds = patient.rows(statement, seconds=patient.limits.late_seconds)[0]
        if count:
            yield condition.found(
                f"{how_many(count, 'item')} {'has' if count == 1 else 'have'} {what}, the first for "
                f"{how_long(seconds)}.",
                items=count,
                seconds=float(seconds),
            )


def _look_at_ordering_keys(patient: Patient) -> Iterator[Finding]:
    see_all_organizations(patient)
    for slug, name, key, items in patient.rows(_STUCK, most=_MOST):
        yield ORDERING_KEY_STUCK.found(
            f"{how_many(items, 'item')} of the ordering key {key!r} in the queue {name} of {slug} will not "
            "come forward.",
            subject=f"{slug}/{name}/{key}",
            items=items,
        )


def _look_at_maintenance(patient: Patient) -> Iterator[Finding]:
    see_all_organizations(patient)
    seconds = patient.value("select extract(epoch from statement_timestamp() - max(due_at)) from duties")
    if seconds is not None and seconds > patient.limits.maintenance_seconds:
        yield MAINTENANCE_ABSENT.found(
            f"Every duty of maintenance is overdue, the last one for {how_long(seconds)}.", seconds=float(seconds)
        )


def _look_at_slots(patient: Patient) -> Iterator[Finding]:
    see_all_organizations(patient)
    for slug, name, kept, there in patient.rows(_SLOTS, most=_MOST):
        whose = f"The queue {name} of {slug}" if name else f"The organization {slug}"
        yield SLOTS_WRONG.found(
            f"{whose} has {how_many(kept, 'slot')} taken and works on {how_many(there, 'counted item')}.",
            subject=f"{slug}/{name}" if name else slug,
            kept=kept,
            there=there,
        )


def _look_at_counters(patient: Patient) -> Iterator[Finding]:
    see_all_organizations(patient)
    for slug, name, wrong in patient.rows(_COUNTERS, most=_MOST):
        yield COUNTERS_WRONG.found(
            f"The counters of the queue {name} of {slug} are wrong by {int(wrong):,}.",
            subject=f"{slug}/{name}",
            wrong_by=int(wrong),
        )


CHECKS: Final = (
    Check(_look_at_queues, (QUEUE_STALLED,)),
    Check(_look_at_tasks, (TASK_FAILING,)),
    Check(_look_at_late_items, (LEASES_EXPIRED, ITEMS_LATE)),
    Check(_look_at_ordering_keys, (ORDERING_KEY_STUCK,)),
    Check(_look_at_maintenance, (MAINTENANCE_ABSENT,)),
    Check(_look_at_slots, (SLOTS_WRONG,)),
    Check(_look_at_counters, (COUNTERS_WRONG,)),
)
