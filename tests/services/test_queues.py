from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.accounts import differences, taken
from tests.fixtures.items import FLEET, claimed, enqueue_some
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import actions, call, make_member, names, overtaken, tell

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.retry import Backoff
from fairlead.errors import Conflict, NotFound, QueueFull, ValidationFailed
from fairlead.queries.items import find_items
from fairlead.queries.page import Window
from fairlead.queries.queues import find_queue_ids, get_claim_rules, get_queue, get_queue_by_name, get_queue_page
from fairlead.queries.ready_sources import ready_sources
from fairlead.services.audit import Actor
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.leases import claim_items, complete_item
from fairlead.services.organizations import update_organization
from fairlead.services.queues import (
    create_queue,
    create_queue_with_items,
    delete_queue,
    pause_queue,
    restore_queue,
    resume_queue,
    soft_delete_queue,
    update_queue,
)

pytestmark = pytest.mark.anyio

WALK: dict[str, Any] = {"names": ["work"], "after": "", "pivot": "", "organizations": 9, "queues": 9}
RULES: dict[str, Any] = {
    "description": "Letters",
    "max_concurrency": None,
    "max_attempts": 1,
    "lease_seconds": 43_200,
    "rate_limit": 100,
    "rate_period_seconds": 1,
    "max_depth": 1_000,
    "retention_seconds": None,
}
BACKOFF = Backoff("linear", 0.5, 1.5, 60, jitter=False)
BACKOFF_COLUMNS: dict[str, Any] = {
    "backoff_policy": "linear",
    "backoff_base_seconds": 0.5,
    "backoff_factor": 1.5,
    "backoff_cap_seconds": 60,
    "backoff_jitter": False,
}


async def test_creating_is_audited(database: Database, ours: Tenant) -> None:
    """Making a queue leaves one audit event in the same transaction: who, what, with which rules."""
    actor = Actor("api_key", "the-key", "the-request")
    async with database.unit_of_work(ours.scope) as session:
        made = await create_queue(session, ours.scope, name="mail", actor=actor)

    async with database.unit_of_work(FLEET) as session:
        [event] = (await session.execute(text("select * from audit_events"))).mappings().all()
    assert (event["organization_id"], event["action"]) == (ours.organization_id, "queue.created")
    assert (event["actor_kind"], event["actor_id"], event["request_id"]) == ("api_key", "the-key", "the-request")
    assert (event["subject_kind"], event["subject_id"]) == ("queue", made.id)
    assert event["before"] is None
    assert event["after"]["name"] == "mail"


async def test_refused_queue_leaves_no_event(database: Database, ours: Tenant) -> None:
    """A name that is taken is a Conflict naming the field, and neither row nor event stays."""
    with pytest.raises(Conflict) as refused:
        async with database.unit_of_work(ours.scope) as session:
            await create_queue(session, ours.scope, name="work")

    assert refused.value.details.keys() == {"name"}
    async with database.unit_of_work(FLEET) as session:
        assert (await session.execute(text("select count(*) from audit_events"))).scalar_one() == 0


async def test_every_wrong_rule_is_named(database: Database, ours: Tenant) -> None:
    """All rules that cannot be are named in one error."""
    backoff = Backoff("random", -1, 0.5, -1)  # type: ignore[arg-type]  # a caller without types
    with pytest.raises(ValidationFailed) as refused:
        async with database.unit_of_work(ours.scope) as session:
            await create_queue(
                session,
                ours.scope,
                name="",
                description="d" * 501,
                max_concurrency=0,
                max_attempts=1001,
                lease_seconds=0,
                backoff=backoff,
            )

    assert refused.value.details.keys() == {
        "name",
        "description",
        "max_concurrency",
        "max_attempts",
        "lease_seconds",
        "backoff_policy",
        "backoff_base_seconds",
        "backoff_factor",
        "backoff_cap_seconds",
    }


async def test_rules_have_defaults(database: Database, ours: Tenant) -> None:
    """Of a new queue every rule that is given holds, and the rest have the defaults of the schema."""
    plain = await call(database, ours.scope, create_queue, name="plain")
    ruled = await call(database, ours.scope, create_queue, name="ruled", backoff=BACKOFF, **RULES)

    assert (plain.max_concurrency, plain.max_attempts, plain.lease_seconds) == (5, 3, 30)
    assert (plain.rate_limit, plain.max_depth, plain.retention_seconds) == (None, None, 604_800)
    assert (plain.backoff_policy, plain.backoff_jitter, plain.created_by) == ("exponential", True, None)
    times: dict[str, Any] = {"id": ruled.id, "created_at": ruled.created_at, "updated_at": ruled.updated_at}
    assert ruled == replace(plain, name="ruled", **times, **RULES, **BACKOFF_COLUMNS)
    assert ruled.created_at == ruled.updated_at
    assert await call(database, ours.scope, get_queue, queue_id=ruled.id) == ruled
    assert await call(database, ours.scope, get_queue_by_name, name="ruled") == ruled


async def test_a_maker_is_a_member(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Who made a queue is a member; of anybody else, known elsewhere or to nobody, the same is said."""
    member, stranger = await make_member(database, ours), await make_member(database, theirs)
    made = await call(database, ours.scope, create_queue, name="mail", created_by=member.id)
    assert made.created_by == member.id

    makers: list[Any] = [stranger.id, new_id(), "junk", "", "a\x00", "\ud800", 5, [member.id]]
    said = []
    for maker in makers:
        with pytest.raises(ValidationFailed) as refused:
            await call(database, ours.scope, create_queue, name="", created_by=maker)
        said.append(refused.value.details)
    assert said == [{"name": "must not be empty", "created_by": "is not a member of this organization"}] * len(makers)


async def test_names_of_our_own_are_given_to_nobody(database: Database, ours: Tenant) -> None:
    """A name that begins like those of Fairlead's own queues is refused to a new queue and to one that is renamed."""
    for name in ("fairlead:", "fairlead:mail"):
        for change in (
            call(database, ours.scope, create_queue, name=name),
            call(database, ours.scope, update_queue, queue_id=ours.queue_id, name=name),
        ):
            with pytest.raises(ValidationFailed) as refused:
                await change
            assert refused.value.details == {"name": "must not begin with fairlead: (those queues are Fairlead's own)"}
    assert (await call(database, ours.scope, create_queue, name="fairlead")).name == "fairlead"


async def test_a_queue_that_has_such_a_name_already_keeps_it(database: Database) -> None:
    """A queue that was named so before can be changed, its name told again, and be called something else."""
    older = await make_tenant(database, name="fairlead:mail")
    for change in ({"max_depth": 5}, {"name": "fairlead:mail", "max_depth": 6}, {"name": "post"}):
        changed = await call(database, older.scope, update_queue, queue_id=older.queue_id, **change)
    assert (changed.name, changed.max_depth) == ("post", 6)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"description": None},
        {"max_concurrency": 7},
        {"max_concurrency": None},
        {"max_depth": 1},
        RULES,
    ],
    ids=str,
)
async def test_only_what_is_given_changes(database: Database, ours: Tenant, *, change: dict[str, Any]) -> None:
    """An update changes the fields given and the time of the update, and no other column."""
    made = await call(database, ours.scope, create_queue, name="mail", description="Letters", max_depth=9)

    after = await call(database, ours.scope, update_queue, queue_id=made.id, **change)

    assert after == replace(made, **change, updated_at=after.updated_at)
    assert after.updated_at > made.updated_at
    assert await call(database, ours.scope, get_queue, queue_id=made.id) == after


async def test_backoff_changes_as_a_whole(database: Database, ours: Tenant) -> None:
    """A queue's back-off is one thing of five columns."""
    made = await call(database, ours.scope, create_queue, name="mail")
    after = await call(database, ours.scope, update_queue, queue_id=made.id, backoff=BACKOFF)
    assert after == replace(made, **BACKOFF_COLUMNS, updated_at=after.updated_at)


async def test_time_moves_within_a_transaction(database: Database, ours: Tenant) -> None:
    """Made and changed in one transaction, a queue was still changed later than it was made."""
    async with database.unit_of_work(ours.scope) as session:
        made = await create_queue(session, ours.scope, name="mail")
        after = await update_queue(session, ours.scope, queue_id=made.id, name="post")
    assert after.updated_at > made.updated_at == after.created_at


async def test_no_change_changes_nothing(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Without fields nothing is written, neither a time nor an event; there has to be such a queue here, though."""
    before = await call(database, ours.scope, get_queue, queue_id=ours.queue_id)

    assert await call(database, ours.scope, update_queue, queue_id=ours.queue_id) == before
    assert await actions(database) == []
    for queue_id in (theirs.queue_id, new_id(), "junk", "a\x00"):
        with pytest.raises(NotFound):
            await call(database, ours.scope, update_queue, queue_id=queue_id)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", 5),
        ("name", "two\nlines"),
        ("description", 5),
        ("max_concurrency", 10_001),
        ("max_concurrency", 1.5),
        ("max_attempts", None),
        ("max_attempts", 2.0),
        ("lease_seconds", "30"),
        ("lease_seconds", None),
        ("backoff", None),
        ("backoff", {"policy": "fixed"}),
        ("rate_limit", 0),
        ("rate_limit", True),
        ("rate_period_seconds", None),
        ("max_depth", -1),
        ("retention_seconds", -1),
        ("retention_seconds", 0.5),
        ("paused_at", None),
        ("created_by", None),
        ("organization_id", None),
    ],
)
async def test_a_wrong_field_is_named(database: Database, ours: Tenant, *, field: str, value: Any) -> None:
    """A wrong type, a fraction, nothing where something must be and what cannot be changed are refused by name."""
    before = await call(database, ours.scope, get_queue, queue_id=ours.queue_id)

    with pytest.raises(ValidationFailed) as refused:
        await call(database, ours.scope, update_queue, queue_id=ours.queue_id, **{"name": "other", field: value})

    assert refused.value.details.keys() == {field}
    assert await call(database, ours.scope, get_queue, queue_id=ours.queue_id) == before


async def test_names_are_unique_in_an_organization(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A name is taken in its own organization only; one's own name is not taken."""
    mail = await call(database, ours.scope, create_queue, name="mail")
    await call(database, theirs.scope, create_queue, name="mail")

    with pytest.raises(Conflict) as taken:
        await call(database, ours.scope, update_queue, queue_id=ours.queue_id, name="mail")
    assert taken.value.details == {"name": "is the name of another queue of this organization"}
    assert (await call(database, ours.scope, update_queue, queue_id=mail.id, name="mail")).name == "mail"


async def test_soft_deleted_one_is_not_there(database: Database, ours: Tenant) -> None:
    """A soft-deleted queue vanishes from reads, pages, totals and searches, and from changes, unless asked for."""
    before = await call(database, ours.scope, get_queue, queue_id=ours.queue_id)
    gone = await call(database, ours.scope, soft_delete_queue, queue_id=ours.queue_id)

    assert gone == replace(before, deleted_at=gone.deleted_at, updated_at=gone.updated_at)
    assert gone.deleted_at == gone.updated_at > before.updated_at
    with pytest.raises(NotFound):
        await call(database, ours.scope, get_queue_by_name, name="work")
    for function in (get_queue, get_claim_rules, update_queue, soft_delete_queue):
        with pytest.raises(NotFound):
            await call(database, ours.scope, function, queue_id=ours.queue_id)
    assert await call(database, ours.scope, find_queue_ids, queue_ids=[ours.queue_id]) == frozenset()
    for search in (None, "wor"):
        page = await call(database, ours.scope, get_queue_page, window=Window(), search=search)
        assert (page.data, page.total) == ((), 0)
        page = await call(database, ours.scope, get_queue_page, window=Window(), search=search, deleted=True)
        assert (page.data, page.total) == ((gone,), 1)
    assert await call(database, ours.scope, get_queue, queue_id=gone.id, deleted=True) == gone


async def test_nothing_is_added_or_claimed_while_deleted(database: Database, ours: Tenant) -> None:
    """A soft-deleted queue takes and gives no items, but held ones can be finished; restored, the rest goes on."""
    [lease] = await claimed(database, ours)
    [waiting] = await enqueue_some(database, ours)
    claim: dict[str, Any] = {"queue_id": ours.queue_id, "limit": 5, "worker_id": "w"}
    before = await call(database, ours.scope, get_queue, queue_id=ours.queue_id)
    assert [queue.queue_id for queue in (await call(database, FLEET, ready_sources, **WALK)).queues] == [ours.queue_id]

    await call(database, ours.scope, soft_delete_queue, queue_id=ours.queue_id)

    assert (await call(database, FLEET, ready_sources, **WALK)).queues == ()
    with pytest.raises(NotFound):
        await call(database, ours.scope, claim_items, **claim)
    with pytest.raises(NotFound):
        await call(database, ours.scope, enqueue_items, queue_id=ours.queue_id, items=[ItemInput({})])
    await call(database, ours.scope, complete_item, item_id=lease.id, lease=lease.claims)
    back = await call(database, ours.scope, restore_queue, queue_id=ours.queue_id)
    assert back == replace(before, updated_at=back.updated_at)
    assert [held.item.id for held in await call(database, ours.scope, claim_items, **claim)] == [waiting]


async def test_a_name_is_free_while_its_queue_is_deleted(database: Database, ours: Tenant) -> None:
    """A soft-deleted queue's name can be taken; then it cannot be restored until the name is free again."""
    await call(database, ours.scope, soft_delete_queue, queue_id=ours.queue_id)
    usurper = await call(database, ours.scope, create_queue, name="work")

    with pytest.raises(Conflict) as taken:
        await call(database, ours.scope, restore_queue, queue_id=ours.queue_id)
    assert taken.value.details.keys() == {"name"}
    await call(database, ours.scope, update_queue, queue_id=usurper.id, name="other")
    assert (await call(database, ours.scope, restore_queue, queue_id=ours.queue_id)).deleted_at is None


async def test_restoring_what_is_there_does_nothing(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A queue that is not deleted stays as is, without an event; another organization's is not found."""
    before = await call(database, ours.scope, get_queue, queue_id=ours.queue_id)

    assert await call(database, ours.scope, restore_queue, queue_id=ours.queue_id) == before
    assert await actions(database) == []
    for queue_id in (theirs.queue_id, new_id()):
        with pytest.raises(NotFound):
            await call(database, ours.scope, restore_queue, queue_id=queue_id)


@pytest.mark.parametrize("soft_deleted", [False, True])
async def test_its_items_go_with_it(database: Database, ours: Tenant, theirs: Tenant, *, soft_deleted: bool) -> None:
    """Deleted for good, a queue takes its items along, waiting, held and finished, and nobody else's."""
    first, _second = await claimed(database, ours, 2)
    await call(database, ours.scope, complete_item, item_id=first.id, lease=first.claims)
    await enqueue_some(database, ours)
    kept = await enqueue_some(database, theirs)
    if soft_deleted:
        await call(database, ours.scope, soft_delete_queue, queue_id=ours.queue_id)

    await call(database, ours.scope, delete_queue, queue_id=ours.queue_id)

    assert [row.id for row in await tell(database, "select id from queue_items")] == kept
    assert [row.id for row in await tell(database, "table queues")] == [theirs.queue_id]
    for function in (delete_queue, restore_queue):
        with pytest.raises(NotFound):
            await call(database, ours.scope, function, queue_id=ours.queue_id)


@pytest.mark.parametrize("function", [delete_queue, soft_delete_queue])
async def test_of_two_deletions_one_is_too_late(database: Database, ours: Tenant, *, function: Any) -> None:
    """Deleted by two at once, a queue is deleted once: the second one finds nothing, and writes no event."""
    assert await overtaken(database, ours.scope, function, queue_id=ours.queue_id) is NotFound
    assert len(await actions(database)) == 1


async def test_another_organizations_queue_cannot_be_deleted(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Another organization's queue is not there to be deleted, for good or not."""
    for function in (delete_queue, soft_delete_queue):
        with pytest.raises(NotFound):
            await call(database, ours.scope, function, queue_id=theirs.queue_id)
    assert names([await call(database, theirs.scope, get_queue, queue_id=theirs.queue_id)]) == ["work"]


async def test_a_queue_comes_with_its_items(database: Database, ours: Tenant) -> None:
    """A queue and its first items are made together; the ids come in the items' order, the audit tells of the queue."""
    items = [ItemInput({"number": number}, priority=number) for number in range(3)]

    queue, item_ids = await call(
        database, ours.scope, create_queue_with_items, name="mail", items=items, max_attempts=7
    )

    assert (queue.name, queue.max_attempts) == ("mail", 7)
    found = await call(database, ours.scope, find_items, item_ids=item_ids)
    assert [(found[item_id].queue_id, found[item_id].payload) for item_id in item_ids] == [
        (queue.id, item.payload) for item in items
    ]
    assert {found[item_id].max_attempts for item_id in item_ids} == {7}
    assert await actions(database) == ["queue.created"]


@pytest.mark.parametrize(
    ("wrong", "error", "fields"),
    [
        ({"name": "work"}, Conflict, {"name"}),
        ({"items": []}, ValidationFailed, {"items"}),
        ({"items": [ItemInput({}), ItemInput({}, priority=10**9)]}, ValidationFailed, {"items[1].priority"}),
    ],
    ids=str,
)
async def test_a_queue_with_items_is_all_or_nothing(
    database: Database, ours: Tenant, *, wrong: dict[str, Any], error: type[Conflict], fields: set[str]
) -> None:
    """When the queue or any of its items cannot be, neither queue, item nor event is left."""
    given: dict[str, Any] = {"name": "mail", "items": [ItemInput({})], **wrong}
    with pytest.raises(error) as refused:
        await call(database, ours.scope, create_queue_with_items, **given)

    assert refused.value.details.keys() == fields
    assert [row.id for row in await tell(database, "table queues")] == [ours.queue_id]
    assert await tell(database, "select id from queue_items") == []
    assert await actions(database) == []


async def _claim(database: Database, owner: Tenant, count: int = 9) -> int:
    held = await call(database, owner.scope, claim_items, queue_id=owner.queue_id, limit=count, worker_id="w")
    return len(held)


async def test_a_paused_queue_gives_nothing(database: Database, ours: Tenant) -> None:
    """Paused, a queue takes items and gives none, and what is held may be finished; resumed, it goes on at once."""
    [lease] = await claimed(database, ours)
    paused = await call(database, ours.scope, pause_queue, queue_id=ours.queue_id)
    assert (paused.paused_at is None, paused.resume_at) == (False, None)
    await call(database, ours.scope, enqueue_items, queue_id=ours.queue_id, items=[ItemInput({})])
    assert await _claim(database, ours) == 0
    done = await call(database, ours.scope, complete_item, item_id=lease.id, lease=lease.claims)
    assert done.status.value == "completed"
    resumed = await call(database, ours.scope, resume_queue, queue_id=ours.queue_id)
    assert (resumed.paused_at, resumed.resume_at) == (None, None)
    assert await _claim(database, ours) == 1


async def test_a_pause_ends_when_it_was_said_to(database: Database, ours: Tenant) -> None:
    """A queue that is paused until an instant gives items again from that instant on, without anybody's doing."""
    await enqueue_some(database, ours)
    later = datetime(2500, 1, 1, tzinfo=UTC)
    await call(database, ours.scope, pause_queue, queue_id=ours.queue_id, resume_at=later)
    assert await _claim(database, ours) == 0
    await tell(database, "update queues set resume_at = statement_timestamp()")
    assert await _claim(database, ours) == 1


async def test_a_pause_keeps_its_beginning(database: Database, ours: Tenant) -> None:
    """Pausing what is paused changes until when, not since when."""
    first = await call(database, ours.scope, pause_queue, queue_id=ours.queue_id)
    again = await call(
        database, ours.scope, pause_queue, queue_id=ours.queue_id, resume_at=datetime(2500, 1, 1, tzinfo=UTC)
    )
    assert (again.paused_at, again.resume_at) == (first.paused_at, datetime(2500, 1, 1, tzinfo=UTC))
    assert await actions(database) == ["queue.paused", "queue.paused"]


@pytest.mark.parametrize("wrong", [datetime(2500, 1, 1), "tomorrow"])  # noqa: DTZ001 - the point
async def test_an_instant_has_a_time_zone(database: Database, ours: Tenant, *, wrong: Any) -> None:
    """An instant that is none is refused by name."""
    with pytest.raises(ValidationFailed) as refused:
        await call(database, ours.scope, pause_queue, queue_id=ours.queue_id, resume_at=wrong)
    assert refused.value.details.keys() == {"resume_at"}


@pytest.mark.parametrize("function", [pause_queue, resume_queue])
async def test_a_queue_that_is_not_here_is_not_switched(database: Database, ours: Tenant, *, function: Any) -> None:
    """An unknown and a deleted queue raise NotFound."""
    await tell(database, "update queues set deleted_at = now()")
    for queue_id in (new_id(), ours.queue_id):
        with pytest.raises(NotFound):
            await call(database, ours.scope, function, queue_id=queue_id)


async def test_a_limit_counts_who_is_at_work(database: Database, ours: Tenant) -> None:
    """A limit that is given to a queue while its items are worked on holds at once, and is right when they end."""
    leases = await claimed(database, ours, 3)
    await enqueue_some(database, ours, 5)
    await call(database, ours.scope, update_queue, queue_id=ours.queue_id, max_concurrency=4)
    assert await taken(database, ours) == (3, 3)
    assert [await _claim(database, ours) for _ in range(2)] == [1, 0]
    for lease in leases:
        await call(database, ours.scope, complete_item, item_id=lease.id, lease=lease.claims)
    await call(database, ours.scope, update_queue, queue_id=ours.queue_id, max_concurrency=None)
    assert await _claim(database, ours) == 4
    assert await differences(database) == []


async def test_an_organizations_limit_counts_who_is_at_work(database: Database, ours: Tenant) -> None:
    """The same holds for the limit of an organization."""
    await claimed(database, ours, 3)
    await enqueue_some(database, ours, 5)
    await call(database, ours.scope, update_organization, organization_id=ours.organization_id, max_concurrency=4)
    assert [await _claim(database, ours) for _ in range(2)] == [1, 0]
    assert await taken(database, ours) == (4, 4)
    assert await differences(database) == []


async def test_a_deleted_queue_takes_no_room(database: Database, ours: Tenant) -> None:
    """With a queue its counters and slots go, and the organization has its slots and its depth back."""
    organization_id = ours.organization_id
    given: dict[str, Any] = {"max_concurrency": 3, "max_queue_depth": 9}
    await call(database, ours.scope, update_organization, organization_id=organization_id, **given)
    other = await call(database, ours.scope, create_queue, name="other")
    items = [ItemInput({}, ordering_key="k"), *[ItemInput({})] * 8]
    await call(database, ours.scope, enqueue_items, queue_id=ours.queue_id, items=items)
    assert await _claim(database, ours) == 3
    with pytest.raises(QueueFull):
        await call(database, ours.scope, enqueue_items, queue_id=other.id, items=[ItemInput({})])

    await call(database, ours.scope, delete_queue, queue_id=ours.queue_id)

    await call(database, ours.scope, enqueue_items, queue_id=other.id, items=[ItemInput({})] * 9)
    assert await _claim(database, Tenant(ours.organization_id, other.id)) == 3
    kept = (
        "select queue_id from slots union select queue_id from item_counters union select queue_id from ordering_turns"
    )
    assert {row[0] for row in await tell(database, kept)} == {"", other.id}
    assert await differences(database) == []
