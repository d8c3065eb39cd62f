"""Mails that do not go out: they are items of a queue of Fairlead's own, which no organization's people see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fairlead.toolkit.doctor.finding import Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.installation import MAIL_ORGANIZATION, MAIL_QUEUE, see_all_organizations
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.doctor.phrases import how_long, how_many

STALLED: Final = Condition(
    "mail-stalled",
    Severity.WARNING,
    "Mails have waited for a quarter of an hour, or were given up: people wait for them in vain.",
    "See that a 'fairlead serve' runs with FAIRLEAD_SMTP_URL, and look for mails_not_sent in its log; those that wait "
    "go out by themselves when the mail server takes them, whoever waits for one that was given up asks again.",
)

# Of an error only its kind is told: the rest may hold an address.
_WAITING: Final = """
select count(*), extract(epoch from statement_timestamp() - min(i.created_at)),
    (array_agg(substring(i.error_message from '^[A-Za-z0-9_.]+') order by i.started_at desc nulls last))[1]
from queue_items_live i
where i.organization_id = :organization and i.queue_id = :queue
    and i.created_at < statement_timestamp() - make_interval(secs => :seconds)
"""
_FAILED: Final = """
select count(*) from queue_items_finished i
where i.organization_id = :organization and i.queue_id = :queue and i.status = 'failed'
"""


def _look_at_mails(patient: Patient) -> Iterator[Finding]:
    see_all_organizations(patient)
    whose = {"organization": MAIL_ORGANIZATION, "queue": MAIL_QUEUE}
    waiting, seconds, error = patient.rows(_WAITING, **whose, seconds=patient.limits.stalled_seconds)[0]
    failed = patient.value(_FAILED, **whose)
    if waiting or failed:
        yield STALLED.found(
            _sentence(waiting, seconds, failed=failed, error=error),
            waiting=waiting,
            failed=failed,
            seconds=float(seconds or 0),
        )


def _sentence(waiting: int, seconds: float | None, *, failed: int, error: str | None) -> str:
    """Say what was measured, and the kind of the last error where there was one."""
    verb = "has" if waiting == 1 else "have"
    since = f", the first for {how_long(seconds)}," if seconds is not None else ""
    last = f"; the last error was {error}" if error else ""
    gone = f"{failed:,} {'was' if failed == 1 else 'were'} given up"
    return f"{how_many(waiting, 'mail')} {verb} waited for too long{since} and {gone}{last}."


CHECKS: Final = (Check(_look_at_mails, (STALLED,)),)
