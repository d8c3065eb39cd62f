from __future__ import annotations

import pytest
from tests.cli.conftest import Made, Run
from tests.fixtures.accounts import differences
from tests.fixtures.items import claimed
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database

_SLOTS = "insert into slots (organization_id, queue_id, taken) select organization_id, id, 3 from queues"


@pytest.mark.anyio
async def test_accounts_are_put_right(made: Made, run: Run, database: Database, ours: Tenant) -> None:
    """Counters and slots that somebody went past are put right, and what was wrong is told; then nothing is."""
    await claimed(database, ours, 2)
    await tell(database, "update item_counters set waiting = waiting + 4")
    await tell(database, _SLOTS)
    wrong = {"organization": ours.organization_id, "queue": "work"}
    assert made("db", "recount", "--organization", ours.organization_id) == {"corrected": [{**wrong, "wrongBy": 8}]}
    [slots] = made("db", "reconcile")["corrected"]
    assert (slots["queueId"], slots["difference"]) == (ours.queue_id, -3)
    assert await differences(database) == []
    assert made("db", "recount") == made("db", "reconcile") == {"corrected": []}
    assert "Nothing was wrong" in run("db", "recount").stderr


@pytest.mark.anyio
async def test_a_recount_of_nobody(run: Run, ours: Tenant) -> None:
    """Recounting an organization that is not there is an error that says so."""
    done = run("db", "recount", "--organization", f"not-{ours.organization_id}")
    assert done.returncode == 1
    assert "no organization with the slug" in done.stderr
