from __future__ import annotations

from tests.fixtures.doctor import OWNER, SYSTEM, do, examined

from fairlead.toolkit.doctor import space
from fairlead.toolkit.doctor.finding import Severity
from fairlead.toolkit.doctor.patient import Limits

_FILL = """
insert into item_counters (organization_id, queue_id, waiting)
select repeat('o', 24), repeat('q', 24), 1 from generate_series(1, 30000)
"""
SMALL = Limits(bloat_bytes=100_000)


def test_pages_that_hold_nothing(fresh_url: str) -> None:
    """A hot table and its index that were full once and are not any more are found; a full table is not."""
    do(fresh_url, "alter table item_counters set (autovacuum_enabled = off)", role=OWNER)
    do(fresh_url, _FILL, "select pg_stat_force_next_flush()", role=SYSTEM)
    assert examined(fresh_url, space, limits=SMALL).findings == ()

    do(fresh_url, "delete from item_counters where id < (select max(id) from item_counters)", role=SYSTEM)
    do(fresh_url, "vacuum item_counters", "select pg_stat_force_next_flush()", role=OWNER)
    report = examined(fresh_url, space, limits=SMALL)
    found = {finding.subject: (finding.code, finding.severity) for finding in report.findings}
    assert found["item_counters"] == ("table-bloated", Severity.WARNING)
    assert found["item_counters_pkey"] == ("index-bloated", Severity.WARNING)
    assert examined(fresh_url, space).findings == ()

    do(fresh_url, *(finding.remedy for finding in report.findings if finding.code == "index-bloated"), role=OWNER)
    do(fresh_url, "vacuum (full) item_counters", role=OWNER)
    assert examined(fresh_url, space, limits=SMALL).findings == ()
