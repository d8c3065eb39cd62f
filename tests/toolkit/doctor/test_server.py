from __future__ import annotations

from datetime import date

import pytest
from tests.fixtures.doctor import examined

from fairlead.toolkit.doctor import server
from fairlead.toolkit.doctor.finding import Severity
from fairlead.toolkit.doctor.server import FLAWS, SUPPORT_ENDS, examine_release

_DAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("major", "minor", "day", "severity"),
    [
        (15, 99, date(2027, 5, 1), None),
        (15, 99, date(2027, 11, 11), Severity.NOTE),
        (15, 99, date(2027, 11, 12), Severity.WARNING),
        (18, 99, _DAY, None),
        (99, 0, _DAY, None),
    ],
)
def test_a_release_that_gets_no_fixes(major: int, minor: int, day: date, severity: Severity | None) -> None:
    """The end of a release's support is a note half a year before, and a warning after it."""
    found = {finding.code: finding.severity for finding in examine_release(major, minor, today=day)}
    assert found == ({"server-end-of-life": severity} if severity else {})


@pytest.mark.parametrize(
    ("major", "minor", "severity", "mended"),
    [
        (15, 2, Severity.ERROR, "15.16"),
        (16, 9, Severity.ERROR, "16.12"),
        (17, 1, Severity.ERROR, "17.8"),
        (17, 6, Severity.WARNING, "17.8"),
        (18, 1, Severity.WARNING, "18.2"),
        (18, 2, Severity.WARNING, "18.3"),
        (18, 3, None, None),
        (15, 17, None, None),
    ],
)
def test_a_minor_release_with_a_flaw(major: int, minor: int, severity: Severity | None, mended: str | None) -> None:
    """A flaw in row security is an error, another one a warning; the finding names the release without any of them."""
    found = [(finding.code, finding.severity) for finding in examine_release(major, minor, today=_DAY)]
    assert found == ([("server-flawed", severity)] if severity else [])
    assert [finding.values["mended"] for finding in examine_release(major, minor, today=_DAY)] == (
        [mended] if mended else []
    )


def test_every_flaw_is_of_a_release_that_is_known() -> None:
    """A flaw is told for releases whose support's end is known, so that neither table is forgotten."""
    assert {major for flaw in FLAWS for major in flaw.mended} <= SUPPORT_ENDS.keys()


def test_the_server_itself(fresh_url: str) -> None:
    """The server's own numbers are what is judged: the one the tests run on has no known flaw."""
    report = examined(fresh_url, server)
    assert [finding for finding in report.findings if finding.code != "server-end-of-life"] == []
    assert report.not_checked == {}
