"""The server's release: whether it is still looked after, and which known flaws it has.

Only flaws that matter here are listed: of row security, which keeps organizations apart, and of what must not break a
running installation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from fairlead.toolkit.doctor.finding import Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.patient import Patient

END_OF_LIFE: Final = Condition(
    "server-end-of-life",
    Severity.NOTE,
    "The server's release gets no more fixes, or soon will not.",
    "Plan the upgrade to a newer major release (pg_upgrade, or logical replication).",
    at_worst=Severity.WARNING,
)
FLAWED: Final = Condition(
    "server-flawed",
    Severity.WARNING,
    "The server's minor release has a known flaw that matters here; in row security it is an error.",
    "Install the newest minor release of the same major one and restart the server; data stay as they are.",
    at_worst=Severity.ERROR,
)

# What there is to add to when PostgreSQL makes a release: this, and FLAWS.
SUPPORT_ENDS: Final = {
    14: date(2026, 11, 12),
    15: date(2027, 11, 11),
    16: date(2028, 11, 9),
    17: date(2029, 11, 8),
    18: date(2030, 11, 14),
}
_SOON: Final = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A flaw, and by major release the first minor one without it; `only_before` when just the one before has it."""

    says: str
    mended: dict[int, int]
    breaks_separation: bool = False
    only_before: bool = False


FLAWS: Final = (
    Flaw("row security is lost when a function is inlined (CVE-2023-2455)", {15: 3}, breaks_separation=True),
    Flaw("MERGE does not enforce row security (CVE-2023-39418)", {15: 4}, breaks_separation=True),
    Flaw(
        "row security in a subquery keeps the role of an earlier run (CVE-2024-10976)",
        {15: 9, 16: 5, 17: 1},
        breaks_separation=True,
    ),
    Flaw("roles set for a login do not take effect", {15: 10, 16: 6, 17: 2}, only_before=True),
    Flaw(
        "statistics of partitions show rows that row security hides (CVE-2025-8713)",
        {15: 14, 16: 10, 17: 6},
        breaks_separation=True,
    ),
    Flaw("text that is cut in the middle of a character can run code (CVE-2026-2006)", {15: 16, 16: 12, 17: 8, 18: 2}),
    Flaw("substring() fails on long text, and standbys stop", {15: 17, 16: 13, 17: 9, 18: 3}, only_before=True),
)


def _look_at_release(patient: Patient) -> Iterator[Finding]:
    number, today = patient.rows("select cast(current_setting('server_version_num') as int), current_date")[0]
    yield from examine_release(number // 10_000, number % 10_000, today=today)


def examine_release(major: int, minor: int, *, today: date) -> Iterator[Finding]:
    """Yield what is wrong with a release on a day."""
    ends = SUPPORT_ENDS.get(major)
    if ends is not None and today > ends - _SOON:
        over = today > ends
        yield END_OF_LIFE.found(
            f"PostgreSQL {major} {'has had' if over else 'gets'} its last fixes on {ends.isoformat()}.",
            worst=over,
            release=major,
            ends=ends.isoformat(),
        )
    flaws = [flaw for flaw in FLAWS if _has(flaw, major, minor)]
    if flaws:
        without = max(flaw.mended[major] for flaw in flaws)
        yield FLAWED.found(
            f"PostgreSQL {major}.{minor} has flaws that {major}.{without} does not have: "
            + "; ".join(flaw.says for flaw in flaws)
            + ".",
            worst=any(flaw.breaks_separation for flaw in flaws),
            release=f"{major}.{minor}",
            mended=f"{major}.{without}",
        )


def _has(flaw: Flaw, major: int, minor: int) -> bool:
    mended = flaw.mended.get(major)
    if mended is None:
        return False
    return minor == mended - 1 if flaw.only_before else minor < mended


CHECKS: Final = (Check(_look_at_release, (END_OF_LIFE, FLAWED)),)
