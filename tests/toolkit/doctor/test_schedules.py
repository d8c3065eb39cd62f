from __future__ import annotations

import pytest
from tests.fixtures.doctor import examined, only
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell
from tests.fixtures.schedules import be_late, make_schedule

from fairlead.db.session import Database
from fairlead.toolkit.doctor import schedules
from fairlead.toolkit.doctor.finding import Severity

pytestmark = pytest.mark.anyio


async def test_a_schedule_that_is_not_run(database_url: str, database: Database, ours: Tenant) -> None:
    """A tick that is owed for minutes is an error; a paused schedule owes none."""
    made = await make_schedule(database, ours)
    assert examined(database_url, schedules).findings == ()
    await be_late(database, made, minutes=5)
    finding = only(examined(database_url, schedules), "schedules-late", severity=Severity.ERROR)
    assert finding.values["schedules"] == 1
    await tell(database, "update schedules set paused_at = now()")
    assert examined(database_url, schedules).findings == ()


async def test_a_schedule_whose_tick_made_nothing(database_url: str, database: Database, ours: Tenant) -> None:
    """A schedule that says why its last tick made no item is a warning with that reason."""
    await make_schedule(database, ours)
    await tell(database, "update schedules set error_message = 'The queue is full.'")
    subject = f"{ours.organization_id}/tick"
    finding = only(examined(database_url, schedules), "schedule-failing", severity=Severity.WARNING, subject=subject)
    assert "The queue is full." in finding.sentence
