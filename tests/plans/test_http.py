"""How what the API asks for is planned among many items: who works, and what the outcomes of many have to know."""

from __future__ import annotations

import pytest
from tests.plans.explain import generic_plan, planning

from fairlead.db.statement import Statement
from fairlead.queries.items import ITEMS, OUTCOME_RULES
from fairlead.queries.workers import WORKERS
from fairlead.schema.row_security import APP_ROLE, SYSTEM_ROLE

HOME = "organization000000000001"


KEYS = {"queue_items_live_pkey", "queue_items_finished_pkey", "queues_organization_id_id_key"}


@pytest.mark.parametrize(
    ("statement", "indexes", "statistics"),
    [
        (WORKERS, {"queue_items_status_idx"}, "analyzed"),
        (OUTCOME_RULES, KEYS, "analyzed"),
        (OUTCOME_RULES, KEYS, "unknown"),
        (OUTCOME_RULES, KEYS, "new"),
    ],
    ids=["workers", "outcomes", "outcomes without statistics", "outcomes where nobody looked"],
)
def test_no_waiting_item_is_read(seeded_url: str, statement: Statement, indexes: set[str], statistics: str) -> None:
    """Who works is found by the leases, an item by its key; what waits and what has ended is not looked through."""
    with planning(seeded_url, APP_ROLE, organization_id=HOME, statistics=statistics) as connection:
        plan = generic_plan(connection, statement)
    assert plan.indexes() <= indexes
    assert not any("Seq Scan" in scan for scan in plan.scans_of("queue_items_live", "queue_items_finished", "queues"))


@pytest.mark.parametrize("statement", [ITEMS, OUTCOME_RULES], ids=["items", "outcomes"])
@pytest.mark.parametrize("role", [APP_ROLE, SYSTEM_ROLE])
def test_what_was_planned_when_all_was_empty_stays_good(fresh_url: str, statement: Statement, role: str) -> None:
    """A connection keeps its plans while a new database fills: they find an item by its key from the beginning."""
    with planning(fresh_url, role, organization_id=HOME, statistics="analyzed") as connection:
        plan = generic_plan(connection, statement)
    assert plan.found_by("queue_items_live", "queue_items_finished") == KEYS - {"queues_organization_id_id_key"}
    assert plan.found_by("queues") == {"queues_organization_id_id_key"}
