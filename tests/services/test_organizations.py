from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from tests.fixtures.every_table import fill_every_table
from tests.fixtures.items import FLEET, enqueue_some
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import PEPPER, actions, call, make_member, names, overtaken, tell

from fairlead.db.session import Database
from fairlead.db.tenancy import tenant
from fairlead.domain.ids import new_id
from fairlead.errors import Conflict, NotFound, Unauthenticated, ValidationFailed
from fairlead.queries.organizations import get_organization, get_organization_by_slug, get_organization_page
from fairlead.queries.page import Window
from fairlead.queries.queues import get_queue
from fairlead.queries.ready_sources import ready_sources
from fairlead.queries.roles import roles_of
from fairlead.queries.users import get_user, get_user_with_organization, is_member, permissions_of
from fairlead.rows import Organization
from fairlead.schema import metadata
from fairlead.services.api_keys import authenticate, create_api_key
from fairlead.services.organizations import (
    create_organization,
    delete_organization,
    found_organization,
    restore_organization,
    soft_delete_organization,
    update_organization,
)

pytestmark = pytest.mark.anyio


async def make(database: Database, slug: str = "acme", name: str = "Acme") -> Organization:
    """Make an organization in a transaction of its own."""
    return await call(database, FLEET, create_organization, name=name, slug=slug)


async def test_a_new_one_is_found(database: Database) -> None:
    """A new organization has the defaults, and is found by its id and its slug."""
    made = await make(database)

    assert (made.name, made.slug, made.weight, made.deleted_at) == ("Acme", "acme", 1, None)
    assert (made.max_queue_depth, made.max_concurrency) == (None, None)
    assert made.created_at == made.updated_at
    assert await call(database, FLEET, get_organization, organization_id=made.id) == made
    assert await call(database, FLEET, get_organization_by_slug, slug="acme") == made


async def test_slugs_are_unique_and_checked(database: Database) -> None:
    """A slug that is taken is a Conflict naming it; a slug or name that cannot be is refused by name."""
    await make(database)

    with pytest.raises(Conflict) as taken:
        await make(database)
    assert taken.value.details == {"slug": "is taken"}
    with pytest.raises(ValidationFailed) as refused:
        await make(database, name=" ", slug="No Slug")
    assert refused.value.details.keys() == {"name", "slug"}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Other"},
        {"slug": "other"},
        {"weight": 1000},
        {"max_queue_depth": 5},
        {"max_concurrency": 5},
        {"max_queue_depth": None},
        {"name": "Other", "slug": "other", "max_concurrency": None},
    ],
    ids=str,
)
async def test_only_what_is_given_changes(database: Database, change: dict[str, Any]) -> None:
    """An update changes the fields given and the time of the update, and no other column."""
    made = await make(database)
    await tell(database, "update organizations set max_queue_depth = 7, max_concurrency = 7")
    before = await call(database, FLEET, get_organization, organization_id=made.id)

    after = await call(database, tenant(made.id), update_organization, organization_id=made.id, **change)

    assert after == replace(before, **change, updated_at=after.updated_at)
    assert after.updated_at > before.updated_at
    assert await call(database, FLEET, get_organization, organization_id=made.id) == after


async def test_time_moves_within_a_transaction(database: Database) -> None:
    """Made and changed in one transaction, an organization was still changed later than it was made."""
    async with database.unit_of_work(FLEET) as session:
        made = await create_organization(session, FLEET, name="Acme", slug="acme")
        after = await update_organization(session, FLEET, organization_id=made.id, name="Other")
    assert after.updated_at > made.updated_at == after.created_at


async def test_no_change_changes_nothing(database: Database) -> None:
    """Without fields nothing is written, neither a time nor an event; there has to be such an organization, though."""
    made = await make(database)

    assert await call(database, FLEET, update_organization, organization_id=made.id) == made
    assert await actions(database) == ["organization.created"]
    with pytest.raises(NotFound):
        await call(database, FLEET, update_organization, organization_id=new_id())


async def test_every_wrong_field_is_named(database: Database, ours: Tenant) -> None:
    """Wrong types, nothing where something must be, what is out of bounds and what does not exist are named at once."""
    wrong: dict[str, Any] = {
        "name": None,
        "slug": 5,
        "weight": 1.5,
        "max_queue_depth": 0,
        "max_concurrency": "7",
        "deleted_at": None,
        "id": new_id(),
    }
    with pytest.raises(ValidationFailed) as refused:
        await call(database, ours.scope, update_organization, organization_id=ours.organization_id, **wrong)
    assert refused.value.details == {
        "name": "must be text",
        "slug": "must be text",
        "weight": "must be a whole number",
        "max_queue_depth": "must be between 1 and 1,000,000,000",
        "max_concurrency": "must be a whole number",
        "deleted_at": "cannot be given here",
        "id": "cannot be given here",
    }


async def test_a_slug_cannot_be_changed_to_a_taken_one(database: Database) -> None:
    """Another organization's slug is a Conflict naming it, one's own is not."""
    made, _other = await make(database), await make(database, "other")

    with pytest.raises(Conflict) as taken:
        await call(database, FLEET, update_organization, organization_id=made.id, slug="other")
    assert taken.value.details == {"slug": "is taken"}
    await call(database, FLEET, update_organization, organization_id=made.id, slug="acme")


async def test_a_tenant_changes_its_own_only(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A tenant may change and soft-delete its own organization; another one's is not there."""
    for function in (update_organization, soft_delete_organization):
        with pytest.raises(NotFound):
            await call(database, ours.scope, function, organization_id=theirs.organization_id)
    gone = await call(database, ours.scope, soft_delete_organization, organization_id=ours.organization_id)
    assert gone.deleted_at is not None


async def test_soft_deleted_one_is_not_there(database: Database) -> None:
    """It vanishes from reads, pages, totals and searches, and from changes; whoever asks for deleted ones sees it."""
    made, other = await make(database), await make(database, "other")
    gone = await call(database, FLEET, soft_delete_organization, organization_id=made.id)

    assert gone == replace(made, deleted_at=gone.deleted_at, updated_at=gone.updated_at)
    assert gone.deleted_at == gone.updated_at > made.updated_at
    with pytest.raises(NotFound):
        await call(database, FLEET, get_organization_by_slug, slug="acme")
    for function in (get_organization, update_organization, soft_delete_organization):
        with pytest.raises(NotFound):
            await call(database, FLEET, function, organization_id=made.id)
    for search, found in ((None, (other,)), ("acm", (other,)), ("other", (other,))):
        page = await call(database, FLEET, get_organization_page, window=Window(), search=search)
        assert (page.data, page.total) == (found, 1)
    page = await call(database, FLEET, get_organization_page, window=Window(), deleted=True)
    assert (page.data, page.total) == ((other, gone), 2)
    assert await call(database, FLEET, get_organization, organization_id=made.id, deleted=True) == gone


async def test_restored_one_is_back(database: Database) -> None:
    """Restored, it is what it was, and restoring once more does nothing."""
    made = await make(database)
    await call(database, FLEET, soft_delete_organization, organization_id=made.id)

    back = await call(database, FLEET, restore_organization, organization_id=made.id)

    assert back == replace(made, updated_at=back.updated_at)
    assert await call(database, FLEET, get_organization, organization_id=made.id) == back
    assert await call(database, FLEET, restore_organization, organization_id=made.id) == back
    assert await actions(database) == ["organization.created", "organization.restored", "organization.soft_deleted"]
    with pytest.raises(NotFound):
        await call(database, FLEET, restore_organization, organization_id=new_id())


async def test_a_slug_is_free_while_its_owner_is_deleted(database: Database) -> None:
    """A soft-deleted organization's slug can be taken; then it cannot be restored until it is free again."""
    made = await make(database)
    await call(database, FLEET, soft_delete_organization, organization_id=made.id)
    usurper = await make(database)

    with pytest.raises(Conflict) as taken:
        await call(database, FLEET, restore_organization, organization_id=made.id)
    assert taken.value.details == {"slug": "is taken"}
    await call(database, FLEET, update_organization, organization_id=usurper.id, slug="other")
    assert (await call(database, FLEET, restore_organization, organization_id=made.id)).deleted_at is None


async def test_nothing_works_in_a_soft_deleted_one(database: Database, ours: Tenant) -> None:
    """Its keys, its members' permissions and its claims stop, its users are without it; restored, all is as before."""
    user = await make_member(database, ours, "owner")
    keyed: dict[str, Any] = {"name": "k", "user_id": user.id, "scopes": ["items:claim"], "pepper": PEPPER}
    _key, raw = await call(database, ours.scope, create_api_key, **keyed)
    await enqueue_some(database, ours)

    async def works() -> list[bool]:
        try:
            principal = await call(database, FLEET, authenticate, raw=raw, pepper=PEPPER)
        except Unauthenticated:
            principal = None
        walk: dict[str, Any] = {"names": ["work"], "after": "", "pivot": "", "organizations": 9, "queues": 9}
        return [
            principal is not None,
            bool(await call(database, ours.scope, permissions_of, user_id=user.id)),
            await call(database, ours.scope, is_member, user_id=user.id),
            bool((await call(database, FLEET, ready_sources, **walk)).queues),
            (await call(database, FLEET, get_user_with_organization, user_id=user.id)).organization is not None,
        ]

    assert await works() == [True] * 5
    await call(database, ours.scope, soft_delete_organization, organization_id=ours.organization_id)
    assert await works() == [False] * 5
    await call(database, FLEET, restore_organization, organization_id=ours.organization_id)
    assert await works() == [True] * 5


@pytest.mark.parametrize("soft_deleted", [False, True])
async def test_everything_goes_with_it(database: Database, database_url: str, *, soft_deleted: bool) -> None:
    """Deleted for good, it takes along everything in it but its audit trail; its users stay, without a home."""
    with psycopg.connect(database_url) as connection:
        gone, kept = fill_every_table(connection), fill_every_table(connection)
    if soft_deleted:
        await call(database, FLEET, soft_delete_organization, organization_id=gone)
    counted = await rows_of(database, kept)
    users = await tell(database, "select id from users where organization_id = :gone", gone=gone)

    await call(database, FLEET, delete_organization, organization_id=gone)

    assert {table: count for table, count in (await rows_of(database, gone)).items() if count} == {
        "audit_events": 2 + soft_deleted
    }
    assert await rows_of(database, kept) == counted
    assert min(counted.values()) > 0
    for user in users:
        assert (await call(database, FLEET, get_user, user_id=user.id)).organization_id is None
        assert await call(database, FLEET, roles_of, user_id=user.id) == []
    with pytest.raises(NotFound):
        await call(database, FLEET, delete_organization, organization_id=gone)


async def rows_of(database: Database, organization_id: str) -> dict[str, int]:
    """Count an organization's rows in every table that knows of organizations."""
    tables = [table.name for table in metadata.sorted_tables if "organization_id" in table.columns]
    count = "(select count(*) from {0} where organization_id = :id) {0}"
    [row] = await tell(database, f"select {', '.join(map(count.format, tables))}", id=organization_id)
    return dict(row._mapping)


@pytest.mark.parametrize("function", [delete_organization, soft_delete_organization])
async def test_of_two_deletions_one_is_too_late(database: Database, function: Any) -> None:
    """Deleted by two at once, it is deleted once: the second one finds nothing, and writes no event."""
    made = await make(database)
    assert await overtaken(database, FLEET, function, organization_id=made.id) is NotFound
    assert len(await actions(database)) == 2


async def test_founding_makes_all_of_it(database: Database) -> None:
    """A founded organization has an owner who may do everything and a queue that the owner made."""
    founded = await call(
        database,
        FLEET,
        found_organization,
        name="Acme",
        slug="acme",
        owner_email=" Ada@Example.ORG",
        owner_name="Ada",
        queue_name="mail",
    )

    organization, owner, queue = founded
    own = tenant(organization.id)
    assert await call(database, FLEET, get_organization_by_slug, slug="acme") == organization
    assert await call(database, own, get_user, user_id=owner.id) == owner
    assert (owner.email, owner.name, owner.organization_id) == ("ada@example.org", "Ada", organization.id)
    assert names(await call(database, own, roles_of, user_id=owner.id)) == ["owner"]
    assert await call(database, own, get_queue, queue_id=queue.id) == queue
    assert (queue.name, queue.created_by) == ("mail", owner.id)
    assert await actions(database) == ["member.role_granted", "organization.created", "queue.created", "user.created"]
    assert {row.organization_id for row in await tell(database, "select * from audit_events")} == {organization.id}


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"slug": "taken"}, Conflict, "slug"),
        ({"name": ""}, ValidationFailed, "name"),
        ({"owner_email": "taken@example.org"}, Conflict, "email"),
        ({"owner_name": ""}, ValidationFailed, "name"),
        ({"queue_name": ""}, ValidationFailed, "name"),
    ],
    ids=str,
)
async def test_founding_is_all_or_nothing(
    database: Database, wrong: dict[str, str], error: type[Conflict], field: str
) -> None:
    """Whichever step fails, it says so, and neither organization, user, role, queue nor event is left of the others."""
    given: dict[str, Any] = {"slug": "taken", "name": "T", "owner_email": "taken@example.org", "owner_name": "T"}
    assert (await call(database, FLEET, found_organization, **given)).queue.name == "default"
    counts = "select (select count(*) from {0}), (select count(*) from {1}), (select count(*) from {2})"
    tables = (("organizations", "users", "user_roles"), ("queues", "roles", "audit_events"))
    before = [await tell(database, counts.format(*three)) for three in tables]

    given |= {"slug": "new", "owner_email": "new@example.org", **wrong}
    with pytest.raises(error) as refused:
        await call(database, FLEET, found_organization, **given)

    assert refused.value.details.keys() == {field}
    assert [await tell(database, counts.format(*three)) for three in tables] == before
