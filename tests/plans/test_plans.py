"""Which index each statement of the engine uses on a large table, whatever its parameters will be."""

from __future__ import annotations

import pytest
from tests.plans.explain import Plan, generic_plan, planning

from fairlead.db.statement import Statement
from fairlead.engine.claim import CLAIM
from fairlead.engine.complete import COMPLETE, COMPLETED_BEFORE
from fairlead.engine.delete import DELETE
from fairlead.engine.enqueue import ENQUEUE
from fairlead.engine.fail import FAIL
from fairlead.engine.promote import PROMOTE
from fairlead.engine.release import RELEASE
from fairlead.engine.renew import RENEW
from fairlead.engine.rescue import RESCUE
from fairlead.engine.update import UPDATE
from fairlead.queries.items import ITEMS
from fairlead.queries.ready_sources import READY_SOURCES

ORGANIZATION = "organization000000000001"  # seed.sql: the one whose queue holds 200 000 items
LIVE = "queue_items_live"
FINISHED = "queue_items_finished"
QUEUE_KEY = "Index Scan queues_organization_id_id_key"

OUTCOMES = pytest.mark.parametrize(
    "statement", [RENEW, COMPLETE, FAIL, RELEASE], ids=["renew", "complete", "fail", "release"]
)
EVERYBODY = pytest.mark.parametrize(
    ("role", "organization_id"), [("fairlead_app", ORGANIZATION), ("fairlead_system", "")], ids=["app", "system"]
)
ANY_STATISTICS = pytest.mark.parametrize("statistics", ["analyzed", "empty", "unknown"])


def _plan(
    url: str, statement: Statement, *, role: str = "fairlead_system", organization_id: str = "", statistics: str
) -> Plan:
    with planning(url, role, organization_id=organization_id, statistics=statistics) as connection:
        return generic_plan(connection, statement)


@EVERYBODY
@ANY_STATISTICS
def test_a_claim_walks_its_index_in_order(seeded_url: str, role: str, organization_id: str, statistics: str) -> None:
    """A claim finds items by the claim's index, in its order without a sort, and changes them by their places."""
    plan = _plan(seeded_url, CLAIM, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_queue_idx", "Tid Scan"}
    assert LIVE not in plan.sorted_inputs()


@OUTCOMES
@EVERYBODY
@ANY_STATISTICS
def test_an_outcome_probes_the_primary_key(
    seeded_url: str, statement: Statement, role: str, organization_id: str, statistics: str
) -> None:
    """An outcome finds its rows by key and changes them by their places, even when the table is thought empty."""
    plan = _plan(seeded_url, statement, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_live_pkey", "Tid Scan"}
    assert LIVE not in plan.sorted_inputs()


@EVERYBODY
@ANY_STATISTICS
def test_an_update_probes_the_primary_key(seeded_url: str, role: str, organization_id: str, statistics: str) -> None:
    """An update finds its item by key, changes it by its place, and looks at one queue by its key."""
    plan = _plan(seeded_url, UPDATE, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_live_pkey", "Tid Scan"}
    assert plan.scans_of("queues") == {QUEUE_KEY}
    assert LIVE not in plan.sorted_inputs()


@EVERYBODY
@ANY_STATISTICS
def test_a_deletion_probes_the_primary_keys(seeded_url: str, role: str, organization_id: str, statistics: str) -> None:
    """A deletion finds its items by key in each partition, and removes them by their places or by key."""
    plan = _plan(seeded_url, DELETE, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_live_pkey", "Tid Scan"}
    assert plan.scans_of(FINISHED) == {"Index Scan queue_items_finished_pkey"}
    assert plan.scans_of("queues") == {QUEUE_KEY}
    assert {LIVE, FINISHED}.isdisjoint(plan.sorted_inputs())


@EVERYBODY
@pytest.mark.parametrize("statistics", ["analyzed", "empty"])
def test_items_are_read_by_key(seeded_url: str, role: str, organization_id: str, statistics: str) -> None:
    """Reading items probes each partition's primary key, and one queue's key for each item found."""
    plan = _plan(seeded_url, ITEMS, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_live_pkey"}
    assert plan.scans_of(FINISHED) == {"Index Scan queue_items_finished_pkey"}
    assert plan.scans_of("queues") == {QUEUE_KEY}


@EVERYBODY
@ANY_STATISTICS
def test_a_repeated_report_is_looked_up_by_key(
    seeded_url: str, role: str, organization_id: str, statistics: str
) -> None:
    """Whether an item was completed before is asked of each partition's primary key."""
    plan = _plan(seeded_url, COMPLETED_BEFORE, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(FINISHED) == {"Index Scan queue_items_finished_pkey"}
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_live_pkey"}


@pytest.mark.parametrize("statistics", ["analyzed", "unknown"])
def test_a_promotion_finds_the_due_by_their_index(seeded_url: str, statistics: str) -> None:
    """Promotion walks the index of items for later from the longest due, without a sort."""
    plan = _plan(seeded_url, PROMOTE, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_scheduled_idx", "Tid Scan"}
    assert LIVE not in plan.sorted_inputs()


@pytest.mark.parametrize("statistics", ["analyzed", "unknown"])
def test_a_rescue_finds_the_expired_by_their_index(seeded_url: str, statistics: str) -> None:
    """A rescue walks the index of leases from the longest expired, without a sort."""
    plan = _plan(seeded_url, RESCUE, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_status_idx", "Tid Scan"}
    assert LIVE not in plan.sorted_inputs()


@ANY_STATISTICS
def test_ready_sources_jump_through_the_claims_index(seeded_url: str, statistics: str) -> None:
    """Looking for ready queues reads the claim's index and nothing else of the items, and organizations by key."""
    plan = _plan(seeded_url, READY_SOURCES, statistics=statistics)
    assert plan.scans_of(LIVE) <= {"Index Only Scan queue_items_queue_idx", "Index Scan queue_items_queue_idx"}
    assert plan.scans_of(LIVE)
    assert plan.scans_of(FINISHED) == set()
    assert plan.scans_of("organizations") == {"Index Scan organizations_pkey"}


@EVERYBODY
def test_an_enqueue_looks_its_queue_up_by_key(seeded_url: str, role: str, organization_id: str) -> None:
    """Enqueueing reads one queue by its key and no item."""
    plan = _plan(seeded_url, ENQUEUE, role=role, organization_id=organization_id, statistics="analyzed")
    assert plan.scans_of("queues") <= {"Index Scan queues_organization_id_id_key", "Index Scan queues_pkey"}
    assert plan.scans_of("queues")
    assert plan.scans_of(LIVE, FINISHED) == set()


def test_the_seed_is_as_large_as_it_says(seeded_url: str) -> None:
    """The plans are made for the numbers that matter; a small table would be scanned whatever the indexes."""
    with planning(seeded_url, "fairlead_system", organization_id="", statistics="analyzed") as connection:
        counted = connection.execute(
            "select status::text, ready, count(*) from queue_items group by 1, 2 order by 1, 2"
        ).fetchall()
    assert counted == [
        ("completed", True, 100_000),
        ("processing", True, 2_000),
        ("waiting", False, 50_000),
        ("waiting", True, 220_000),
    ]


def test_a_plan_that_scans_is_seen(seeded_url: str) -> None:
    """The reader of plans sees a scan and a sort where there is one, so that finding none means something."""
    scanning = Statement("select id from queue_items_live where payload = cast(:payload as jsonb) order by priority")
    plan = _plan(seeded_url, scanning, statistics="analyzed")
    assert plan.scans_of(LIVE) == {"Seq Scan"}
    assert plan.sorted_inputs() == {LIVE}
