from __future__ import annotations

import pytest
from tests.cli.conftest import Made, Run
from tests.fixtures.items import enqueue_some, one_in_each_status
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio

STATUSES = ("waiting", "processing", "completed", "failed", "cancelled")


async def test_how_a_queue_stands(made: Made, run: Run, database: Database, ours: Tenant) -> None:
    """A queue is listed and shown with its items by status and how long the oldest has waited."""
    await one_in_each_status(database, ours)
    await enqueue_some(database, ours)
    organization = ("--organization", ours.organization_id)  # its slug
    [listed] = made("queue", "list", *organization)["queues"]
    assert (listed["queueName"], [listed[status] for status in STATUSES]) == ("work", [2, 1, 1, 1, 1])
    assert 0 <= listed["oldestSeconds"] < 600

    shown = made("queue", "show", "work", *organization)
    assert (shown["maxAttempts"], shown["waiting"], shown["oldestId"]) == (3, 2, listed["oldestId"])
    told = run("queue", "list", *organization, COLUMNS="80").stdout
    assert {"work", listed["queueId"], listed["oldestId"], "oldestSeconds"} <= set(told.split())


async def test_an_unknown_queue(run: Run, ours: Tenant) -> None:
    """A queue that is not there is an error that says so."""
    done = run("queue", "show", "nowhere", "--organization", ours.organization_id)
    assert done.returncode == 1
    assert "Error" in done.stderr
