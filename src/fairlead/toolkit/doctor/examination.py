"""The examination: every check, each in a read-only transaction of its own, so that one that fails hides no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from fairlead.errors import FairleadError
from fairlead.toolkit.doctor import (
    connections,
    drift,
    durability,
    indexes,
    items,
    mails,
    migrations,
    roles,
    schedules,
    server,
    space,
    vacuum,
)
from fairlead.toolkit.doctor.finding import CannotLook, Check, Condition, Finding, Report
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.environment import first_line

GROUPS: Final = (
    server,
    durability,
    roles,
    migrations,
    drift,
    vacuum,
    space,
    indexes,
    connections,
    items,
    schedules,
    mails,
)
_STATEMENT_SECONDS: Final = 20  # a look that takes longer is given up, and said to be
_BEGIN: Final = f"""
set transaction read only; set local statement_timeout = '{_STATEMENT_SECONDS}s'; set local lock_timeout = '2s'
"""


def all_checks() -> tuple[Check, ...]:
    """Return every check there is."""
    return tuple(chain.from_iterable(group.CHECKS for group in GROUPS))


def all_conditions() -> tuple[Condition, ...]:
    """Return every condition that is looked for, group by group."""
    return tuple(chain.from_iterable(check.conditions for check in all_checks()))


def examine(
    patient: Patient, *, checks: Sequence[Check] = (), on_check: Callable[[Check], None] = lambda _check: None
) -> Report:
    """Look at everything (or at these checks) and report; nothing is changed, and no check's failure is an error."""
    findings: list[Finding] = []
    not_checked: dict[str, str] = {}
    looked = checks or all_checks()
    for check in looked:
        on_check(check)
        try:
            findings += _found(patient, check)
        except (CannotLook, FairleadError, DBAPIError, psycopg.Error) as error:
            not_checked |= {condition.code: _reason(error) for condition in check.conditions}
    codes = [condition.code for check in looked for condition in check.conditions]
    seen = {finding.code for finding in findings}
    return Report(
        findings=tuple(sorted(findings, key=lambda finding: -finding.severity)),
        healthy=tuple(code for code in codes if code not in seen and code not in not_checked),
        not_checked=not_checked,
    )


def _found(patient: Patient, check: Check) -> list[Finding]:
    with patient.connection.begin():
        patient.connection.execute(text(_BEGIN))
        return list(check.look(patient))


def _reason(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        return _sentence(first_line(error))
    return _sentence(str(error).strip().partition("\n")[0])


def _sentence(reason: str) -> str:
    return f"{reason.rstrip('.')}."
