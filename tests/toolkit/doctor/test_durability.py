from __future__ import annotations

import pytest
from psycopg import sql
from tests.fixtures.databases import database_of
from tests.fixtures.doctor import OWNER, do, examined, only, superuser_of

from fairlead.db.embedded import EmbeddedServer
from fairlead.toolkit.doctor import durability
from fairlead.toolkit.doctor.finding import Severity


def test_a_server_that_forces_nothing_to_disk(bad_server: EmbeddedServer) -> None:
    """Without fsync, and without full_page_writes, a server is an error each, and says so as it is set."""
    report = examined(bad_server.url, durability)
    assert {finding.code for finding in report.findings} == {"fsync-off", "full-page-writes-off"}
    assert {finding.severity for finding in report.findings} == {Severity.ERROR}


@pytest.mark.parametrize("value", ["off", "on"])
def test_commits_that_are_answered_early(server_url: str, fresh_url: str, value: str) -> None:
    """synchronous_commit off is found where it is off for the database alone; on is not."""
    database = sql.Identifier(database_of(fresh_url)).as_string()
    do(superuser_of(server_url, fresh_url), f"alter database {database} set synchronous_commit = {value}")
    report = examined(fresh_url, durability)
    if value == "off":
        only(report, "synchronous-commit-off", severity=Severity.ERROR)
    assert bool(report.findings) == (value == "off")


def test_a_table_that_a_crash_empties(fresh_url: str) -> None:
    """An unlogged table is found, and the remedy is the statement that mends it."""
    do(fresh_url, "create unlogged table notes (id int)", role=OWNER)
    finding = only(examined(fresh_url, durability), "table-unlogged", severity=Severity.ERROR, subject="notes")
    do(fresh_url, finding.remedy, role=OWNER)
    assert examined(fresh_url, durability).findings == ()
