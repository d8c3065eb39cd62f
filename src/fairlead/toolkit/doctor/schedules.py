"""Schedules whose ticks do not come, or come to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fairlead.toolkit.doctor.finding import Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.installation import see_all_organizations
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.doctor.phrases import how_long, how_many

LATE: Final = Condition(
    "schedules-late",
    Severity.ERROR,
    "Schedules are due and were not run: nothing runs them.",
    "Every 'fairlead worker' and 'fairlead serve' runs schedules: see that one runs, and what its log says.",
)
FAILING: Final = Condition(
    "schedule-failing",
    Severity.WARNING,
    "The last tick of a schedule made no item.",
    "fairlead schedule list says why; mend the schedule, or make room in its queue.",
)

_MOST: Final = 20


def _look_at_schedules(patient: Patient) -> Iterator[Finding]:
    see_all_organizations(patient)
    count, seconds = patient.rows(
        """
        select count(*), extract(epoch from statement_timestamp() - min(greatest(next_run_at, retry_at)))
        from schedules
        where paused_at is null and next_run_at is not null
            and greatest(next_run_at, retry_at) < statement_timestamp() - make_interval(secs => :seconds)
        """,
        seconds=patient.limits.late_seconds,
    )[0]
    if count:
        yield LATE.found(
            f"{how_many(count, 'schedule')} {'is' if count == 1 else 'are'} due and not run, the first for "
            f"{how_long(seconds)}.",
            schedules=count,
            seconds=float(seconds),
        )
    failing = patient.rows(
        """
        select o.slug, s.name, s.error_message
        from schedules s join organizations o on o.id = s.organization_id
        where s.error_message is not null and s.paused_at is null and o.deleted_at is null
        order by s.updated_at desc limit :most
        """,
        most=_MOST,
    )
    for slug, name, message in failing:
        yield FAILING.found(f"The schedule {name} of {slug} says: {message}", subject=f"{slug}/{name}")


CHECKS: Final = (Check(_look_at_schedules, (LATE, FAILING)),)
