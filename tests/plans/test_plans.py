"""Which index each statement of the engine uses on a large table, whatever its parameters will be."""

from __future__ import annotations

import pytest
from tests.plans.explain import Plan, generic_plan, planning
from tests.plans.size import SIZE

from fairlead.db.statement import Statement
from fairlead.engine.advance import ADVANCE
from fairlead.engine.cancel import CANCEL
from fairlead.engine.claim import CLAIM, CLAIM_WALKS
from fairlead.engine.claim_limited import CLAIM_LIMITED, CLAIM_LIMITED_WALKS
from fairlead.engine.clear import CLEAR_LIVE, CLEAR_REST, EMPTY_REST, HOLD_LIVE
from fairlead.engine.complete import COMPLETE, COMPLETE_KEEPING_SLOTS, COMPLETED_BEFORE
from fairlead.engine.delete import DELETE
from fairlead.engine.end_cancelled import END_CANCELLED
from fairlead.engine.enqueue import ENQUEUE
from fairlead.engine.enqueue_limited import ENQUEUE_UNIQUE, HOLDERS, ROOM, TAKE_TURN
from fairlead.engine.fail import FAIL
from fairlead.engine.fold import FOLD
from fairlead.engine.promote import PROMOTE
from fairlead.engine.prune import PRUNE, PRUNE_PERIODS
from fairlead.engine.reconcile import CORRECT, CORRECT_BESIDE, COUNT_LATE, DIFFER
from fairlead.engine.release import RELEASE
from fairlead.engine.renew import RENEW
from fairlead.engine.rescue import RESCUE, RESCUE_BESIDE
from fairlead.engine.retry import RETRY
from fairlead.engine.snooze import SNOOZE
from fairlead.engine.update import UPDATE
from fairlead.queries.depths import DEPTH, DEPTHS
from fairlead.queries.due_work import LOOK
from fairlead.queries.items import ITEMS
from fairlead.queries.ready_sources import READY_SOURCES

ORGANIZATION = "organization000000000001"  # seed.sql: the one whose queue holds the heavy load
LIVE = "queue_items_live"
FINISHED = "queue_items_finished"
BY_ID = "(id = "
QUEUE_KEY = "Index Scan queues_organization_id_id_key"
SLOTS_KEY = {"Index Scan slots_pkey", "Index Only Scan slots_pkey"}

OUTCOMES = pytest.mark.parametrize(
    "statement",
    [RENEW, COMPLETE, COMPLETE_KEEPING_SLOTS, FAIL, RELEASE, SNOOZE, CANCEL, END_CANCELLED],
    ids=["renew", "complete", "complete_keeping_slots", "fail", "release", "snooze", "cancel", "end_cancelled"],
)
EVERYBODY = pytest.mark.parametrize(
    ("role", "organization_id"), [("fairlead_app", ORGANIZATION), ("fairlead_system", "")], ids=["app", "system"]
)
OF_THE_LIVE = pytest.mark.parametrize("statistics", ["analyzed", "empty", "unknown"])
ANY_STATISTICS = pytest.mark.parametrize("statistics", ["analyzed", "empty", "unknown", "new"])


def _plan(
    url: str, statement: Statement, *, role: str = "fairlead_system", organization_id: str = "", statistics: str
) -> Plan:
    with planning(url, role, organization_id=organization_id, statistics=statistics) as connection:
        return generic_plan(connection, statement)


@EVERYBODY
@OF_THE_LIVE
@pytest.mark.parametrize("statement", [CLAIM, CLAIM_LIMITED], ids=["unlimited", "limited"])
def test_a_claim_walks_its_index_in_order(
    seeded_url: str, statement: Statement, role: str, organization_id: str, statistics: str
) -> None:
    """A claim finds items by the claim's index, in its order without a sort, and changes them by their places.

    However many queues there are, it looks at those it is asked for, and at their slots, by key.
    """
    plan = _plan(seeded_url, statement, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_queue_idx", "Tid Scan"}
    assert LIVE not in plan.sorted_inputs()
    assert plan.scans_of("queues") == {QUEUE_KEY}
    assert plan.scans_of("organizations") == {"Index Scan organizations_pkey"}
    assert plan.scans_of("slots") == (SLOTS_KEY if statement is CLAIM_LIMITED else set())


@EVERYBODY
@ANY_STATISTICS
@pytest.mark.parametrize("statement", [CLAIM_WALKS, CLAIM_LIMITED_WALKS], ids=["unlimited", "limited"])
def test_a_walk_enters_the_claims_index_where_it_begins(
    seeded_url: str, statement: Statement, role: str, organization_id: str, statistics: str
) -> None:
    """A part of a queue's order is entered by priority and place, so that dead entries before it are not met."""
    plan = _plan(seeded_url, statement, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_queue_idx", "Tid Scan"}
    assert LIVE not in plan.sorted_inputs()
    [entered] = [entry for entry in plan.searches() if "seq > " in entry]
    assert "(priority >= " in entered
    assert "(priority <= " in entered


@OUTCOMES
@EVERYBODY
@ANY_STATISTICS
def test_an_outcome_probes_the_primary_key(
    seeded_url: str, statement: Statement, role: str, organization_id: str, statistics: str
) -> None:
    """An outcome finds its rows by key and changes them by their places, even when the table is thought empty."""
    plan = _plan(seeded_url, statement, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.found_by(LIVE) == {"queue_items_live_pkey", "Tid Scan"}
    assert all(BY_ID in search for search in plan.searches("queue_items_live_pkey"))
    assert LIVE not in plan.sorted_inputs()
    assert plan.scans_of("queues") <= {QUEUE_KEY}
    assert plan.scans_of("slots") <= SLOTS_KEY


@EVERYBODY
@ANY_STATISTICS
def test_a_retry_probes_the_primary_keys(seeded_url: str, role: str, organization_id: str, statistics: str) -> None:
    """A retry finds its items by key in each partition, and a key's holder by the index of unique keys."""
    plan = _plan(seeded_url, RETRY, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(FINISHED) == {"Index Scan queue_items_finished_pkey"}
    assert plan.found_by(LIVE) == {"queue_items_live_pkey", "queue_items_unique_idx"}
    assert all(BY_ID in search for search in plan.searches("queue_items_live_pkey"))
    assert plan.scans_of("queues") == {QUEUE_KEY}
    assert {LIVE, FINISHED}.isdisjoint(plan.sorted_inputs())


@EVERYBODY
@ANY_STATISTICS
def test_an_update_probes_the_primary_key(seeded_url: str, role: str, organization_id: str, statistics: str) -> None:
    """An update finds its item by key, changes it by its place, and looks at one queue by its key."""
    plan = _plan(seeded_url, UPDATE, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.found_by(LIVE) == {"queue_items_live_pkey", "Tid Scan"}
    assert all(BY_ID in search for search in plan.searches("queue_items_live_pkey"))
    assert plan.scans_of("queues") == {QUEUE_KEY}
    assert LIVE not in plan.sorted_inputs()


@EVERYBODY
@ANY_STATISTICS
def test_a_deletion_probes_the_primary_keys(seeded_url: str, role: str, organization_id: str, statistics: str) -> None:
    """A deletion finds its items by key in each partition, and removes them by their places or by key."""
    plan = _plan(seeded_url, DELETE, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.found_by(LIVE) == {"queue_items_live_pkey", "Tid Scan"}
    assert all(BY_ID in search for search in plan.searches("queue_items_live_pkey"))
    assert plan.scans_of(FINISHED) == {"Index Scan queue_items_finished_pkey"}
    assert plan.scans_of("queues") == {QUEUE_KEY}
    assert {LIVE, FINISHED}.isdisjoint(plan.sorted_inputs())


@EVERYBODY
@ANY_STATISTICS
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
    """Whether an item was completed before is asked of each leaf's primary key."""
    plan = _plan(seeded_url, COMPLETED_BEFORE, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.found_by(FINISHED) == {"queue_items_finished_pkey"}
    assert plan.found_by(LIVE) == {"queue_items_live_pkey"}


@pytest.mark.parametrize("statistics", ["analyzed", "unknown"])
def test_a_promotion_finds_the_due_by_their_index(seeded_url: str, statistics: str) -> None:
    """Promotion walks the index of items for later from the longest due, without a sort."""
    plan = _plan(seeded_url, PROMOTE, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_scheduled_idx", "Tid Scan"}
    assert LIVE not in plan.sorted_inputs()


@ANY_STATISTICS
@pytest.mark.parametrize("statement", [RESCUE, RESCUE_BESIDE], ids=["all", "beside what is locked"])
def test_a_rescue_finds_the_expired_by_their_index(seeded_url: str, statement: Statement, statistics: str) -> None:
    """A rescue walks the index of leases from the longest expired, without a sort."""
    plan = _plan(seeded_url, statement, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_status_idx", "Tid Scan"}
    assert LIVE not in plan.sorted_inputs()
    assert plan.scans_of("queues") == {QUEUE_KEY}
    assert plan.scans_of("slots") <= SLOTS_KEY


@OF_THE_LIVE
def test_an_advance_looks_at_its_keys_alone(seeded_url: str, statistics: str) -> None:
    """Of an ordering key an advance reads the first blocked item and whether another one lives, not the rest."""
    plan = _plan(seeded_url, ADVANCE, statistics=statistics)
    assert plan.indexes() == {"queue_items_blocked_idx", "queue_items_turn_idx", "ordering_turns_pkey"}
    assert {"Index Scan queue_items_blocked_idx", "Tid Scan"} <= plan.scans_of(LIVE)
    assert "Seq Scan" not in plan.scans_of(LIVE)
    assert plan.scans_of("ordering_turns") == {"Index Scan ordering_turns_pkey"}
    assert {LIVE, "ordering_turns"}.isdisjoint(plan.sorted_inputs())


def test_a_fold_finds_its_queues_in_an_index(seeded_url: str) -> None:
    """Which queues have rows to fold the counters' own index says, and no item is read."""
    plan = _plan(seeded_url, FOLD, statistics="analyzed")
    assert plan.common_table("busy").scans_of("item_counters") == {"Index Only Scan item_counters_queue_idx"}
    assert plan.common_table("busy").sorted_inputs() == set()
    assert plan.scans_of("queues") == {QUEUE_KEY, "Index Only Scan queues_organization_id_id_key"}
    assert plan.scans_of(LIVE, FINISHED) == set()


@EVERYBODY
@ANY_STATISTICS
def test_counting_late_reads_what_is_worked_on(
    seeded_url: str, role: str, organization_id: str, statistics: str
) -> None:
    """When a limit is switched on, the items that are worked on are read by their index, and no other."""
    plan = _plan(seeded_url, COUNT_LATE, role=role, organization_id=organization_id, statistics=statistics)
    assert "queue_items_status_idx" in plan.indexes()
    assert plan.indexes().isdisjoint({"queue_items_live_pkey", "queue_items_queue_idx"})
    assert "Seq Scan" not in plan.scans_of(LIVE)


@ANY_STATISTICS
@pytest.mark.parametrize("statement", [DIFFER, CORRECT, CORRECT_BESIDE], ids=["a look", "all", "beside what is locked"])
def test_a_correction_reads_what_is_worked_on(seeded_url: str, statement: Statement, statistics: str) -> None:
    """The slots are compared with the items that are worked on, and no other item is read."""
    plan = _plan(seeded_url, statement, statistics=statistics)
    assert {index for index in plan.indexes() if index.startswith("queue_items")} == {"queue_items_status_idx"}
    assert "Seq Scan" not in plan.scans_of(LIVE)


@ANY_STATISTICS
def test_ready_sources_jump_through_the_claims_index(seeded_url: str, statistics: str) -> None:
    """Looking for ready queues reads the claim's index and nothing else of the items, and organizations by key."""
    plan = _plan(seeded_url, READY_SOURCES, statistics=statistics)
    assert plan.scans_of(LIVE) <= {"Index Only Scan queue_items_queue_idx", "Index Scan queue_items_queue_idx"}
    assert plan.scans_of(LIVE)
    assert plan.scans_of(FINISHED) == set()
    assert plan.scans_of("organizations") == {"Index Scan organizations_pkey"}


@EVERYBODY
@pytest.mark.parametrize("statement", [ENQUEUE, ENQUEUE_UNIQUE, TAKE_TURN], ids=["plain", "unique", "turn"])
def test_an_enqueue_looks_its_queue_up_by_key(
    seeded_url: str, statement: Statement, role: str, organization_id: str
) -> None:
    """Enqueueing reads one queue and at most its organization by their keys, and no item."""
    plan = _plan(seeded_url, statement, role=role, organization_id=organization_id, statistics="analyzed")
    assert plan.scans_of("queues") == {QUEUE_KEY}
    assert plan.scans_of("organizations") <= {"Index Scan organizations_pkey"}
    assert plan.scans_of(LIVE, FINISHED) == set()


@EVERYBODY
def test_room_is_counted_from_the_counters(seeded_url: str, role: str, organization_id: str) -> None:
    """How much room there is the counters of the queue and of the organization say; no item is counted."""
    plan = _plan(seeded_url, ROOM, role=role, organization_id=organization_id, statistics="analyzed")
    assert "item_counters_queue_idx" in plan.indexes()
    assert "Seq Scan" not in plan.scans_of("item_counters", "queues", "organizations")
    assert plan.scans_of(LIVE, FINISHED) == set()


@EVERYBODY
@ANY_STATISTICS
def test_holders_are_found_by_their_keys(seeded_url: str, role: str, organization_id: str, statistics: str) -> None:
    """Who holds a unique key is asked of the index of unique keys and of the key of the periods."""
    plan = _plan(seeded_url, HOLDERS, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_unique_idx"}
    assert plan.scans_of("unique_periods") == {"Index Scan unique_periods_pkey"}


@EVERYBODY
@ANY_STATISTICS
def test_a_clearing_reads_one_organization(seeded_url: str, role: str, organization_id: str, statistics: str) -> None:
    """Removing a queue's items reads no item of another organization, and finds all the rest by key."""
    for statement in (HOLD_LIVE, CLEAR_LIVE):
        plan = _plan(seeded_url, statement, role=role, organization_id=organization_id, statistics=statistics)
        assert plan.indexes() <= {"queue_items_live_pkey", "slots_pkey"}
        assert "Seq Scan" not in plan.scans_of(LIVE, "slots")
    for statement in (CLEAR_REST, EMPTY_REST):
        rest = _plan(seeded_url, statement, role=role, organization_id=organization_id, statistics=statistics)
        assert rest.scans_of(FINISHED) == {"Index Scan queue_items_finished_idx"}
        assert "Seq Scan" not in rest.scans_of(LIVE, "slots", "item_counters", "depth_turns")


@ANY_STATISTICS
def test_a_look_reads_the_first_entry_of_each_index(seeded_url: str, statistics: str) -> None:
    """What is due is seen at the beginning of an index, from the marks on; nothing is sorted or read whole."""
    plan = _plan(seeded_url, LOOK, statistics=statistics)
    assert plan.scans_of(LIVE) <= {
        f"Index {kind}Scan {index}"
        for kind in ("", "Only ")
        for index in ("queue_items_scheduled_idx", "queue_items_status_idx")
    }
    assert {"queue_items_scheduled_idx", "queue_items_status_idx", "ordering_turns_pkey"} <= plan.indexes()
    assert "item_counters_pkey" in plan.indexes()
    assert {LIVE, "ordering_turns", "item_counters"}.isdisjoint(plan.sorted_inputs())
    assert {
        name for search in plan.searches() for name in ("scheduled_for", "lease_expires_at", "id") if name in search
    }


@ANY_STATISTICS
def test_a_pruning_probes_each_queues_oldest(seeded_url: str, statistics: str) -> None:
    """What is to go is found from each queue's first finished item on, without a sort, and removed by its place."""
    plan = _plan(seeded_url, PRUNE, statistics=statistics)
    assert plan.scans_of(FINISHED) == {"Index Scan queue_items_finished_idx", "Tid Scan"}
    assert plan.scans_of(LIVE) == set()
    assert FINISHED not in plan.sorted_inputs()


def test_periods_are_pruned_by_their_index(seeded_url: str) -> None:
    """Unique keys whose period is over are found from the longest over on."""
    plan = _plan(seeded_url, PRUNE_PERIODS, statistics="analyzed")
    assert plan.scans_of("unique_periods") == {"Index Scan unique_periods_expires_idx", "Tid Scan"}


@EVERYBODY
@pytest.mark.parametrize("statistics", ["analyzed", "unknown"])
@pytest.mark.parametrize("statement", [DEPTH, DEPTHS], ids=["one", "all"])
def test_a_depth_counts_no_item(
    seeded_url: str, statement: Statement, role: str, organization_id: str, statistics: str
) -> None:
    """A depth sums up counters by their index; of the items it reads the first of each priority, by the claim's."""
    plan = _plan(seeded_url, statement, role=role, organization_id=organization_id, statistics=statistics)
    assert plan.scans_of(LIVE) == {"Index Scan queue_items_queue_idx"}
    assert plan.scans_of(FINISHED) == set()
    assert LIVE not in plan.sorted_inputs()
    assert "Seq Scan" not in plan.scans_of("item_counters", "queues")
    assert [search for search in plan.searches() if "(priority < " in search]


def test_the_seed_is_as_large_as_it_says(seeded_url: str) -> None:
    """The plans are made for the numbers that matter; a small table would be scanned whatever the indexes."""
    with planning(seeded_url, "fairlead_system", organization_id="", statistics="analyzed") as connection:
        counted = connection.execute(
            "select status::text, ready, count(*) from queue_items group by 1, 2 order by 1, 2"
        ).fetchall()
        queues = connection.execute("select count(*) from queues").fetchall()
    assert queues == [(10_000,)]
    assert counted == [
        ("completed", True, SIZE.finished),
        ("processing", True, SIZE.leased),
        ("waiting", False, SIZE.later + SIZE.blocked),
        ("waiting", True, SIZE.heavy + SIZE.spread),
    ]


def test_a_plan_that_scans_is_seen(seeded_url: str) -> None:
    """The reader of plans sees a scan and a sort where there is one, so that finding none means something."""
    scanning = Statement("select id from queue_items_live where payload = cast(:payload as jsonb) order by priority")
    plan = _plan(seeded_url, scanning, statistics="analyzed")
    assert plan.scans_of(LIVE) == {"Seq Scan"}
    assert plan.sorted_inputs() == {LIVE}
