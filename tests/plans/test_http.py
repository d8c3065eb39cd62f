"""How what the API asks for is planned among many items: who works, and what the outcomes of many have to know."""

from __future__ import annotations

import pytest
from tests.plans.explain import generic_plan, planning

from fairlead.db.statement import Statement
from fairlead.queries.items import OUTCOME_RULES
from fairlead.queries.workers import WORKERS
from fairlead.schema.row_security import APP_ROLE

HOME = "organization000000000001"


KEYS = {"queue_items_live_pkey", "queue_items_finished_pkey", "queues_organization_id_id_key"}


@pytest.mark.parametrize(
    ("statement", "indexes", "statistics"),
    [
        (WORKERS, {"queue_items_status_idx"}, "analyzed"),
        (OUTCOME_RULES, KEYS, "analyzed"),
        (OUTCOME_RULES, KEYS, "unknown"),
    ],
    ids=["workers", "outcomes", "outcomes without statistics"],
)
def test_no_waiting_item_is_read(seeded_url: str, statement: Statement, indexes: set[str], statistics: str) -> None:
    """Who works is found by the leases, an item by its key; what waits and what has ended is not looked through."""
    with planning(seeded_url, APP_ROLE, organization_id=HOME, statistics=statistics) as connection:
        plan = generic_plan(connection, statement)
    assert plan.indexes() <= indexes
    assert not any("Seq Scan" in scan for scan in plan.scans_of("queue_items_live", "queue_items_finished", "queues"))
