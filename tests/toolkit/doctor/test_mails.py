from __future__ import annotations

import pytest
from tests.fixtures.doctor import examined, only
from tests.fixtures.items import FLEET, enqueue_some
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import call, tell

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.services.mails import MAIL_QUEUE, request_mail
from fairlead.toolkit.doctor import mails
from fairlead.toolkit.doctor.finding import Severity

pytestmark = pytest.mark.anyio


async def test_mails_that_do_not_go_out(database_url: str, database: Database, ours: Tenant) -> None:
    """Mails that wait for half an hour are found, with the kind of the last error and nothing else of it."""
    await enqueue_some(database, ours)
    await call(database, FLEET, request_mail, kind="verification", subject_id=new_id())
    assert examined(database_url, mails).findings == ()

    await tell(
        database,
        "update queue_items_live set created_at = created_at - interval '30 minutes',"
        " error_message = 'SMTPConnectError: ada@example.org'",
    )

    finding = only(examined(database_url, mails), "mail-stalled", severity=Severity.WARNING)
    assert finding.values == {"waiting": 1, "failed": 0, "seconds": pytest.approx(1800, abs=60)}
    assert finding.sentence == (
        "1 mail has waited for too long, the first for 30 minutes, and 0 were given up; the last error was "
        "SMTPConnectError."
    )


async def test_mails_that_were_given_up(database_url: str, database: Database) -> None:
    """A mail that failed for good is found as long as its item is kept."""
    await call(database, FLEET, request_mail, kind="verification", subject_id=new_id())
    await tell(
        database,
        "with gone as (delete from queue_items_live where queue_id = :queue returning *) insert into queue_items"
        " (id, organization_id, queue_id, payload, status, finished_at)"
        " select id, organization_id, queue_id, payload, 'failed', now() from gone",
        queue=MAIL_QUEUE,
    )

    finding = only(examined(database_url, mails), "mail-stalled", severity=Severity.WARNING)
    assert (finding.values["waiting"], finding.values["failed"]) == (0, 1)
