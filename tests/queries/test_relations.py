from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, assert_type

import pytest
from sqlalchemy import update
from tests.fixtures.items import FLEET, claimed, enqueue_some, sources_of
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell
from tests.fixtures.related import add, add_key, add_role, add_user, at, give_role
from tests.fixtures.sent import sent_by

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import Scope
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.complete import Completion, complete
from fairlead.errors import NotFound
from fairlead.queries.include import Many, One, With
from fairlead.queries.items import Item, get_item
from fairlead.queries.relations import (
    ApiKeyInclude,
    ManyItems,
    OrganizationInclude,
    QueueInclude,
    RoleInclude,
    UserInclude,
    get_api_key_with,
    get_api_keys_with,
    get_organization_with,
    get_organizations_with,
    get_queue_with,
    get_queues_with,
    get_role_with,
    get_roles_with,
    get_user_with,
    get_users_with,
)
from fairlead.queries.roles import roles_of
from fairlead.queries.users import get_user_with_organization
from fairlead.rows import ApiKey, Organization, Queue, Role, User
from fairlead.schema import Organization as OrganizationTable
from fairlead.schema import Queue as QueueTable
from fairlead.schema import QueueItem
from fairlead.schema import User as UserTable
from fairlead.services.users import create_user

pytestmark = pytest.mark.anyio


def _ids(rows: Iterable[Any]) -> list[str]:
    return [row.id for row in rows]


async def _homeless(database: Database) -> str:
    async with database.unit_of_work(FLEET) as session:
        return (await create_user(session, FLEET, email=f"{new_id()}@example.org", name="Nobody's")).id


async def test_user(database: Database, ours: Tenant) -> None:
    """A user comes with the home organization, the keys newest first and the roles, the system's and its own alike."""
    user_id = await add_user(database, ours, email="ada@example.org")
    keys = [await add_key(database, ours, user_id, created_at=at(minute)) for minute in (2, 3, 1)]
    auditor = await add_role(database, ours, created_at=at(0))
    await give_role(database, ours, user_id, "member")
    await give_role(database, ours, user_id, auditor, own=True)

    async with database.unit_of_work(ours.scope) as session:
        include = UserInclude(organization=True, api_keys=Many(limit=2), roles=Many(order="oldest"))
        found = await get_user_with(session, ours.scope, user_id=user_id, include=include)

    assert_type(found.user, User)
    assert_type(found.organization, Organization | None)
    assert_type(found.api_keys, tuple[ApiKey, ...])
    assert_type(found.roles, tuple[Role, ...])
    assert found.user.email == "ada@example.org"
    assert found.organization
    assert found.organization.id == ours.organization_id
    assert _ids(found.api_keys) == [keys[1], keys[0]]
    assert sorted(_ids(found.roles)) == sorted([auditor, "member"])


async def test_users_share_nothing_but_what_is_shared(database: Database, ours: Tenant) -> None:
    """In a list each user has their own keys and roles, nobody else's; one without a home has no organization."""
    ada, eve, nobody = await add_user(database, ours), await add_user(database, ours), await _homeless(database)
    keys = {user_id: await add_key(database, ours, user_id) for user_id in (ada, eve)}
    await give_role(database, ours, eve, "viewer")

    async with database.unit_of_work(FLEET) as session:
        include = UserInclude(organization=True, api_keys=True, roles=True)
        found = await get_users_with(session, FLEET, user_ids=[nobody, ada, eve], include=include)

    assert [_ids(one.api_keys) for one in found] == [[], [keys[ada]], [keys[eve]]]
    assert [_ids(one.roles) for one in found] == [[], [], ["viewer"]]
    assert [one.organization and one.organization.id for one in found] == [None, *[ours.organization_id] * 2]


async def test_users_without_a_home_cost_no_look_up(database: Database) -> None:
    """Where no row leads anywhere there is nothing to look up, and nothing is."""
    nobody = await _homeless(database)
    async with database.unit_of_work(FLEET) as session:
        with sent_by(session) as sent:
            found = await get_user_with(session, FLEET, user_id=nobody, include=UserInclude(organization=True))
    assert found.organization is None
    assert len(sent) == 1


async def test_a_role_held_in_two_organizations_is_one(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Across organizations a role that is held twice is there once, and takes one place of the limit; so is a user."""
    user_id = await add_user(database, ours)
    viewer = {"first": ours, "second": theirs}
    for where in viewer.values():
        await give_role(database, where, user_id, "viewer")
    await give_role(database, ours, user_id, await add_role(database, ours, created_at=at(0)), own=True)

    async with database.unit_of_work(FLEET) as session:
        found = await get_user_with(session, FLEET, user_id=user_id, include=UserInclude(roles=Many(limit=2)))
        role = await get_role_with(session, FLEET, role_id="viewer", include=RoleInclude(users=True))

    assert len(found.roles) == len(set(_ids(found.roles))) == 2
    assert _ids(role.users) == [user_id]


async def test_organization(database: Database, ours: Tenant) -> None:
    """An organization comes with its users, queues, keys and its own roles; the system's belong to nobody."""
    ada, eve = [await add_user(database, ours, created_at=at(minute)) for minute in (1, 2)]
    await give_role(database, ours, ada, "owner")
    key, role = await add_key(database, ours, ada), await add_role(database, ours)

    async with database.unit_of_work(ours.scope) as session:
        include = OrganizationInclude(users=Many(order="oldest"), queues=True, roles=True, api_keys=True)
        found = await get_organization_with(session, ours.scope, organization_id=ours.organization_id, include=include)

    assert_type(found.organization, Organization)
    assert_type(found.users, tuple[User, ...])
    assert_type(found.queues, tuple[Queue, ...])
    assert_type(found.roles, tuple[Role, ...])
    assert_type(found.api_keys, tuple[ApiKey, ...])
    assert found.organization.id == ours.organization_id
    assert (_ids(found.users), _ids(found.queues)) == ([ada, eve], [ours.queue_id])
    assert (_ids(found.roles), _ids(found.api_keys)) == ([role], [key])


async def test_queue(database: Database, ours: Tenant) -> None:
    """A queue comes with its organization, whoever made it, and its newest items as `get_item` shows them."""
    creator = await add_user(database, ours)
    await tell(database, "update queues set created_by = :creator", creator=creator)
    [done] = await claimed(database, ours)
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(done, {"answer": 42})])
    [waiting] = await enqueue_some(database, ours)

    async with database.unit_of_work(ours.scope) as session:
        include = QueueInclude(organization=True, creator=True, items=ManyItems(limit=2))
        found = await get_queue_with(session, ours.scope, queue_id=ours.queue_id, include=include)
        shown = [await get_item(session, ours.scope, item_id=item_id) for item_id in (waiting, done.id)]

    assert_type(found.queue, Queue)
    assert_type(found.creator, User | None)
    assert_type(found.items, tuple[Item, ...])
    assert found.queue.id == ours.queue_id
    assert found.organization
    assert found.creator
    assert (found.organization.id, found.creator.id) == (ours.organization_id, creator)
    assert list(found.items) == shown
    assert [item.finished_at is None for item in found.items] == [True, False]


@pytest.mark.parametrize("status", ItemStatus)
async def test_items_in_one_status(database: Database, ours: Tenant, *, status: ItemStatus) -> None:
    """Items are asked for in one status, of each queue up to the limit, in the order asked; or in any status."""
    queues = [ours.queue_id, *await add(database, QueueTable, {"organization_id": ours.organization_id})]
    made = {
        (queue_id, of): [await _add_item(database, ours, queue_id, of, minute) for minute in range(3)]
        for queue_id in queues
        for of in ItemStatus
    }
    async with database.unit_of_work(ours.scope) as session:
        for order, expected in (("oldest", slice(None, 2)), ("newest", slice(None, 0, -1))):
            include = QueueInclude(items=ManyItems(limit=2, order=order, status=status))  # type: ignore[arg-type]  # mypy: str
            found = await get_queues_with(session, ours.scope, queue_ids=queues, include=include)
            assert [_ids(queue.items) for queue in found] == [made[queue_id, status][expected] for queue_id in queues]
        everything = await get_queues_with(session, ours.scope, queue_ids=queues, include=QueueInclude(items=True))
    assert [len(queue.items) for queue in everything] == [3 * len(ItemStatus)] * 2


async def _add_item(database: Database, owner: Tenant, queue_id: str, status: ItemStatus, minute: int) -> str:
    live = status in sources_of("cancel")
    values = {
        "organization_id": owner.organization_id,
        "queue_id": queue_id,
        "status": status,
        "created_at": at(minute),
        "lease_expires_at": at(minute) if status is ItemStatus.PROCESSING else None,
        **({} if live else {"finished_at": at(minute)}),
    }
    return (await add(database, QueueItem, values))[0]


async def test_api_key(database: Database, ours: Tenant) -> None:
    """A key comes with whoever it is for and with its organization, revoked or not."""
    user_id = await add_user(database, ours)
    keys = [await add_key(database, ours, user_id), await add_key(database, ours, user_id, revoked_at=at(0))]

    async with database.unit_of_work(ours.scope) as session:
        include = ApiKeyInclude(user=True, organization=True)
        found = await get_api_keys_with(session, ours.scope, api_key_ids=keys, include=include)
        assert await get_api_key_with(session, ours.scope, api_key_id=keys[0], include=include) == found[0]

    assert_type(found[0].api_key, ApiKey)
    assert_type(found[0].user, User | None)
    assert _ids(one.api_key for one in found) == keys
    assert [one.user and one.user.id for one in found] == [user_id] * 2
    assert [one.organization and one.organization.id for one in found] == [ours.organization_id] * 2


async def test_role(database: Database, ours: Tenant) -> None:
    """A role, the system's or one's own, comes with the users who hold it."""
    ada, eve = [await add_user(database, ours, created_at=at(minute)) for minute in (1, 2)]
    own = await add_role(database, ours)
    for user_id in (ada, eve):
        await give_role(database, ours, user_id, "member")
    await give_role(database, ours, ada, own, own=True)

    async with database.unit_of_work(ours.scope) as session:
        found = await get_roles_with(
            session, ours.scope, role_ids=["member", own, "owner"], include=RoleInclude(users=True)
        )

    assert_type(found[0].role, Role)
    assert_type(found[0].users, tuple[User, ...])
    assert _ids(one.role for one in found) == ["member", own, "owner"]
    assert [_ids(one.users) for one in found] == [[eve, ada], [ada], []]


@dataclass(frozen=True)
class Place:
    """An organization whose one user made its queue, has its key and holds a role of its own and a system role."""

    tenant: Tenant
    user_id: str
    api_key_id: str
    role_id: str


async def _settle(database: Database, tenant: Tenant) -> Place:
    user_id = await add_user(database, tenant)
    await tell(database, "update queues set created_by = :user where id = :id", user=user_id, id=tenant.queue_id)
    own = await add_role(database, tenant)
    await give_role(database, tenant, user_id, "member")
    await give_role(database, tenant, user_id, own, own=True)
    await enqueue_some(database, tenant)
    return Place(tenant, user_id, await add_key(database, tenant, user_id), own)


@pytest.fixture
async def here(database: Database, ours: Tenant) -> Place:
    """Our organization, with everything in it."""
    return await _settle(database, ours)


@pytest.fixture
async def there(database: Database, theirs: Tenant) -> Place:
    """Another organization, with everything in it."""
    return await _settle(database, theirs)


async def _related(session: Session, scope: Scope, place: Place, *, deleted: bool = False) -> dict[str, list[str]]:
    """Return the ids that each relation of a place's rows leads to; `deleted` among the deleted, too."""
    one, many = One(deleted=deleted), Many(deleted=deleted)
    user = UserInclude(organization=one, api_keys=many, roles=many)
    organization = OrganizationInclude(users=many, queues=many, roles=many, api_keys=many)
    queue = QueueInclude(organization=one, creator=one, items=many)
    key = ApiKeyInclude(user=one, organization=one)
    of, queue_id = place.tenant.organization_id, place.tenant.queue_id
    read: dict[str, Sequence[With]] = {
        "user": await get_users_with(session, scope, user_ids=[place.user_id], include=user, deleted=True),
        "organization": await get_organizations_with(
            session, scope, organization_ids=[of], include=organization, deleted=True
        ),
        "queue": await get_queues_with(session, scope, queue_ids=[queue_id], include=queue, deleted=True),
        "api_key": await get_api_keys_with(session, scope, api_key_ids=[place.api_key_id], include=key),
        "own role": await get_roles_with(session, scope, role_ids=[place.role_id], include=RoleInclude(users=many)),
        "role": await get_roles_with(session, scope, role_ids=["member"], include=RoleInclude(users=many)),
    }
    return {
        f"{noun}.{name}": _ids(found if isinstance(found, tuple) else [found] if found else [])
        for noun, rows in read.items()
        for row in rows
        for name, found in row.related.items()
    }


async def _delete_everything(database: Database) -> None:
    for table in (UserTable, OrganizationTable, QueueTable):
        async with database.unit_of_work(FLEET) as session:
            await session.execute(update(table).values(deleted_at=at(0)))


# What can be soft-deleted is a user, an organization or a queue: what leads to one.
SOFT = {
    *("user.organization", "organization.users", "organization.queues", "queue.organization", "queue.creator"),
    *("api_key.user", "api_key.organization", "own role.users", "role.users"),
}


async def test_what_is_deleted_is_related_to_nothing(database: Database, here: Place) -> None:
    """No relation leads to a soft-deleted user, organization or queue, unless it is asked for the deleted ones."""
    async with database.unit_of_work(FLEET) as session:
        before = await _related(session, FLEET, here)
    await _delete_everything(database)
    async with database.unit_of_work(FLEET) as session:
        after, with_deleted = [await _related(session, FLEET, here, deleted=deleted) for deleted in (False, True)]
    assert all(before.values())
    assert after == {name: [] if name in SOFT else found for name, found in before.items()}
    assert with_deleted == before


async def test_what_is_deleted_is_not_found(database: Database, here: Place) -> None:
    """A soft-deleted user, organization or queue is not found with its relations, unless it is asked for."""
    scope, organization_id, queue_id = here.tenant.scope, here.tenant.organization_id, here.tenant.queue_id
    await _delete_everything(database)

    async def read(session: Session, *, deleted: bool) -> list[Any]:
        of, to = OrganizationInclude(), {"deleted": deleted}
        return [
            *await get_users_with(session, scope, user_ids=[here.user_id], include=UserInclude(), **to),
            *await get_organizations_with(session, scope, organization_ids=[organization_id], include=of, **to),
            *await get_queues_with(session, scope, queue_ids=[queue_id], include=QueueInclude(), **to),
        ]

    async with database.unit_of_work(scope) as session:
        assert await read(session, deleted=False) == []
        assert len(await read(session, deleted=True)) == 3


def _scopes(mode: str, tenant: Tenant) -> tuple[Scope, Scope]:
    """Return the scope that the transaction has and the one that the function is told: in two modes one wall stands."""
    return FLEET if mode == "application" else tenant.scope, FLEET if mode == "row security" else tenant.scope


modes = pytest.mark.parametrize("mode", ["application", "row security", "both"])


@modes
async def test_others_are_never_seen_as_relations(database: Database, here: Place, there: Place, *, mode: str) -> None:
    """What is another organization's never comes along, though rows of both belong together in the database.

    Our user has a key, a role of the system and a role of their own there; theirs made our queue, has a key of ours and
    holds a role here.
    """
    entered, told = _scopes(mode, here.tenant)
    async with database.unit_of_work(entered) as session:
        before = await _related(session, told, here)
    await add_key(database, there.tenant, here.user_id)
    await give_role(database, there.tenant, here.user_id, "admin")
    await give_role(database, there.tenant, here.user_id, there.role_id, own=True)
    await give_role(database, here.tenant, there.user_id, "member")
    await give_role(database, here.tenant, there.user_id, here.role_id, own=True)
    await tell(database, "update queues set created_by = :stranger", stranger=there.user_id)
    key_id = await add_key(database, here.tenant, there.user_id)

    async with database.unit_of_work(entered) as session:
        assert await _related(session, told, here) == {
            **before,
            "queue.creator": [],
            "organization.api_keys": [key_id, here.api_key_id],
        }
        key = await get_api_key_with(session, told, api_key_id=key_id, include=ApiKeyInclude(user=One(deleted=True)))
        admin = await get_role_with(session, told, role_id="admin", include=RoleInclude(users=Many(deleted=True)))
    assert (key.user, admin.users) == (None, ())


@modes
async def test_others_are_never_found(database: Database, here: Place, there: Place, *, mode: str) -> None:
    """Another organization's rows are not there; what is shared with everybody leads to one's own rows only."""
    entered, told = _scopes(mode, here.tenant)
    async with database.unit_of_work(entered) as session:
        assert await _related(session, told, there) == {"role.users": [here.user_id]}
        for read in (
            partial(get_user_with, user_id=there.user_id, include=UserInclude(roles=True)),
            partial(get_role_with, role_id=there.role_id, include=RoleInclude(users=True)),
            partial(get_queue_with, queue_id=there.tenant.queue_id, include=QueueInclude(items=True)),
            partial(get_api_key_with, api_key_id=there.api_key_id, include=ApiKeyInclude(user=True)),
            partial(
                get_organization_with,
                organization_id=there.tenant.organization_id,
                include=OrganizationInclude(users=True),
            ),
        ):
            with pytest.raises(NotFound):
                await read(session, told)


class TestJoins:
    """The two reads that are one join each."""

    async def test_user_with_organization(self, database: Database, here: Place) -> None:
        """A user and the home organization come in one statement."""
        scope = here.tenant.scope
        async with database.unit_of_work(scope) as session:
            with sent_by(session) as sent:
                found = await get_user_with_organization(session, scope, user_id=here.user_id)
            assert len(sent) == 1
            include = UserInclude(organization=True)
            same = await get_user_with(session, scope, user_id=here.user_id, include=include)
        assert (found.user, found.organization) == (same.user, same.organization)
        assert found.organization
        assert found.organization.id == here.tenant.organization_id

    async def test_user_without_organization(self, database: Database) -> None:
        """Somebody who is at home nowhere is found all the same, without an organization."""
        nobody = await _homeless(database)
        async with database.unit_of_work(FLEET) as session:
            found = await get_user_with_organization(session, FLEET, user_id=nobody)
        assert (found.user.id, found.user.organization_id, found.organization) == (nobody, None, None)

    async def test_user_of_a_deleted_organization(self, database: Database, here: Place) -> None:
        """The user of a soft-deleted organization is found, without it; a soft-deleted user is not."""
        for scope in (FLEET, here.tenant.scope):
            await tell(database, "update organizations set deleted_at = now()")
            async with database.unit_of_work(scope) as session:
                found = await get_user_with_organization(session, scope, user_id=here.user_id)
            assert (found.user.id, found.organization) == (here.user_id, None)
        await tell(database, "update users set deleted_at = now()")
        async with database.unit_of_work(FLEET) as session:
            with pytest.raises(NotFound):
                await get_user_with_organization(session, FLEET, user_id=here.user_id)

    @pytest.mark.parametrize("user_id", ["", "\0", "\ud800", "nobody0123456789abcdefgh"])
    async def test_nobody(self, database: Database, ours: Tenant, *, user_id: str) -> None:
        """An id that is nobody's, or cannot be anybody's, is not found and has no roles."""
        async with database.unit_of_work(ours.scope) as session:
            with pytest.raises(NotFound):
                await get_user_with_organization(session, ours.scope, user_id=user_id)
            assert await roles_of(session, ours.scope, user_id=user_id) == []

    @modes
    async def test_others_users(self, database: Database, here: Place, there: Place, *, mode: str) -> None:
        """Another organization's user is not found; of their roles only those are seen that they hold here."""
        entered, told = _scopes(mode, here.tenant)
        await give_role(database, here.tenant, there.user_id, "viewer")
        async with database.unit_of_work(entered) as session:
            with pytest.raises(NotFound):
                await get_user_with_organization(session, told, user_id=there.user_id)
            assert _ids(await roles_of(session, told, user_id=there.user_id)) == ["viewer"]

    async def test_roles(self, database: Database, here: Place) -> None:
        """A user's roles, the system's and the organization's own, come in the order the roles were made."""
        async with database.unit_of_work(here.tenant.scope) as session:
            with sent_by(session) as sent:
                roles = await roles_of(session, here.tenant.scope, user_id=here.user_id)
        assert _ids(roles) == ["member", here.role_id]
        assert [role.organization_id for role in roles] == [None, here.tenant.organization_id]
        assert len(sent) == 1
