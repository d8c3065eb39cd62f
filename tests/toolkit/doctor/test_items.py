from __future__ import annotations

import pytest
from tests.fixtures.doctor import examined, only
from tests.fixtures.items import FLEET, claim_some, claimed, enqueue_some, expire
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.engine.complete import Completion, complete
from fairlead.engine.fail import Failure, fail
from fairlead.toolkit.doctor import items
from fairlead.toolkit.doctor.finding import Severity
from fairlead.toolkit.doctor.patient import Limits

pytestmark = pytest.mark.anyio
AT_ONCE = Limits(stalled_seconds=0, late_seconds=0, maintenance_seconds=0)


async def _aged(database: Database, minutes: int) -> None:
    await tell(
        database,
        "update queue_items_live set created_at = created_at - :minutes * interval '1 minute'",
        minutes=minutes,
    )


async def test_a_queue_that_nobody_claims_from(database_url: str, database: Database, ours: Tenant) -> None:
    """An item that has waited for half an hour while nobody worked is found, with its queue."""
    await enqueue_some(database, ours)
    assert examined(database_url, items).findings == ()
    await _aged(database, 30)
    finding = only(
        examined(database_url, items),
        "queue-stalled",
        severity=Severity.WARNING,
        subject=f"{ours.organization_id}/work",
    )
    assert finding.values["seconds"] == pytest.approx(1800, abs=60)


async def test_a_queue_with_much_to_do(database_url: str, database: Database, ours: Tenant) -> None:
    """However long items wait, a queue somebody works on, or has just worked on, is not stalled."""
    await enqueue_some(database, ours, 3)
    (first,) = await claim_some(database, ours, 1)
    await _aged(database, 30)
    assert examined(database_url, items).findings == ()
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(first.lease)])
    assert examined(database_url, items).findings == ()


@pytest.mark.parametrize(
    "reason",
    [
        "update queues set paused_at = now()",
        "update queues set paused_at = now(), resume_at = now() + interval '1 hour'",
        "update queues set deleted_at = now()",
        "update organizations set deleted_at = now()",
    ],
)
async def test_a_queue_that_is_meant_to_stand_still(
    database_url: str, database: Database, ours: Tenant, reason: str
) -> None:
    """A queue that is paused or deleted is not stalled."""
    await enqueue_some(database, ours)
    await _aged(database, 30)
    await tell(database, reason)
    assert examined(database_url, items).findings == ()


async def test_a_task_that_fails(database_url: str, database: Database, ours: Tenant) -> None:
    """A task most of whose items failed in the last hour is found by its name; one that failed long ago is not."""
    leases = await claimed(database, ours, 30, task="send", max_attempts=1)
    async with database.unit_of_work(FLEET) as session:
        await fail(session, FLEET, failures=[Failure(lease, "no") for lease in leases[:25]])
        await complete(session, FLEET, completions=[Completion(lease) for lease in leases[25:]])
    report = examined(database_url, items)
    finding = only(report, "task-failing", severity=Severity.WARNING, subject=f"{ours.organization_id}/work/send")
    assert finding.values == {"failed": 25, "finished": 30}
    await tell(database, "update queue_items_finished set finished_at = finished_at - interval '2 hours'")
    assert examined(database_url, items).findings == ()


async def test_leases_that_nobody_takes_back(database_url: str, database: Database, ours: Tenant) -> None:
    """A lease that is over for longer than maintenance needs is an error."""
    await expire(database, *await claimed(database, ours, 2))
    assert examined(database_url, items).findings == ()
    finding = only(examined(database_url, items, limits=AT_ONCE), "leases-expired", severity=Severity.ERROR)
    assert finding.values["items"] == 2


async def test_items_that_are_not_made_ready(database_url: str, database: Database, ours: Tenant) -> None:
    """A delayed item whose time has come and gone is an error; one that is not due yet is none."""
    await enqueue_some(database, ours, delay_seconds=3600)
    assert examined(database_url, items, limits=AT_ONCE).findings == ()
    await tell(database, "update queue_items_live set scheduled_for = now() - interval '10 minutes'")
    only(examined(database_url, items), "items-late", severity=Severity.ERROR)


async def test_an_ordering_key_that_nobody_calls(database_url: str, database: Database, ours: Tenant) -> None:
    """Items behind a key with nothing before them and no note are an error; with the note they only wait."""
    await enqueue_some(database, ours, 2, ordering_key="customer 7")
    assert examined(database_url, items).findings == ()
    await tell(database, "delete from ordering_turns")
    finding = only(examined(database_url, items), "ordering-key-stuck", severity=Severity.ERROR)
    assert (finding.values, "customer 7" in finding.sentence) == ({"items": 2}, True)


async def test_nobody_does_maintenance(database_url: str, database: Database) -> None:
    """When every duty is overdue nobody is at them; one that was taken says that somebody is."""
    await tell(database, "insert into duties (name, due_at) values ('fold', now() - interval '1 hour')")
    only(examined(database_url, items), "maintenance-absent", severity=Severity.WARNING)
    await tell(database, "insert into duties (name, due_at) values ('prune', now() + interval '1 second')")
    assert examined(database_url, items).findings == ()


async def test_slots_that_are_off(database_url: str, database: Database, ours: Tenant) -> None:
    """Slots that differ from the leases are found for the queue and for the organization."""
    await claimed(database, ours)
    insert = "insert into slots (organization_id, queue_id, taken) select organization_id, id, 3 from queues"
    await tell(database, insert)
    finding = only(examined(database_url, items), "slots-wrong", severity=Severity.WARNING)
    assert finding.values == {"kept": 3, "there": 0}
    await tell(database, "update slots set queue_id = ''")
    only(examined(database_url, items), "slots-wrong", severity=Severity.WARNING, subject=ours.organization_id)


async def test_counters_that_are_off(database_url: str, database: Database, ours: Tenant) -> None:
    """Counters that differ from the items are found, with how much they are off."""
    await enqueue_some(database, ours, 3)
    await tell(database, "update item_counters set waiting = waiting + 2, failed = failed + 1")
    finding = only(examined(database_url, items), "counters-wrong", severity=Severity.WARNING)
    assert finding.values == {"wrong_by": 3}
