from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import acting, actions, call, forget, make_member, names, overtaken, tell
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database, Session
from fairlead.db.turn import take_turn
from fairlead.errors import Conflict, Forbidden, LastOwner, NotFound, TransactionConflict, ValidationFailed
from fairlead.queries.roles import roles_of
from fairlead.queries.users import get_user, is_member, permissions_of
from fairlead.rows import User
from fairlead.services.members import grant_role, refuse_mightier, remove_member, revoke_role, set_roles
from fairlead.services.organizations import soft_delete_organization
from fairlead.services.roles import create_role
from fairlead.services.users import create_user, delete_user, restore_user, soft_delete_user

pytestmark = pytest.mark.anyio

HOLD = "insert into user_roles (organization_id, user_id, role_id) values (:home, :user, :role)"
JUNK = ["nobody0123456789abcdefgh", "", "x", "a\x00b", "\ud800"]


async def roles(database: Database, home: Tenant, user: User) -> list[str]:
    """Return the names of a user's roles here, sorted."""
    return sorted(names(await call(database, home.scope, roles_of, user_id=user.id)))


async def test_a_role_is_given_and_taken(database: Database, ours: Tenant) -> None:
    """Whoever is given a role may what it says; without any role one is a user, but no member."""
    user = await make_member(database, ours, "viewer")
    await call(database, ours.scope, grant_role, user_id=user.id, role_id="admin")
    assert await roles(database, ours, user) == ["admin", "viewer"]
    assert "keys:manage" in await call(database, ours.scope, permissions_of, user_id=user.id)

    await call(database, ours.scope, revoke_role, user_id=user.id, role_id="admin")
    assert await roles(database, ours, user) == ["viewer"]
    await call(database, ours.scope, revoke_role, user_id=user.id, role_id="viewer")
    assert not await call(database, ours.scope, is_member, user_id=user.id)
    assert await call(database, ours.scope, get_user, user_id=user.id) == user


async def test_a_role_is_held_once(database: Database, ours: Tenant) -> None:
    """A role that the member has is a Conflict, also of two who give it at once; one not held cannot be taken."""
    user = await make_member(database, ours, "viewer")
    with pytest.raises(Conflict) as held:
        await call(database, ours.scope, grant_role, user_id=user.id, role_id="viewer")
    assert held.value.details == {"role": "is one this member already has"}
    with pytest.raises(NotFound):
        await call(database, ours.scope, revoke_role, user_id=user.id, role_id="admin")

    assert await overtaken(database, ours.scope, grant_role, user_id=user.id, role_id="admin") is Conflict
    assert await overtaken(database, ours.scope, revoke_role, user_id=user.id, role_id="admin") is NotFound
    assert await overtaken(database, ours.scope, remove_member, user_id=user.id) is NotFound


@pytest.mark.parametrize("unknown", JUNK)
async def test_strangers_are_not_found(database: Database, ours: Tenant, theirs: Tenant, *, unknown: str) -> None:
    """Users and roles that are unknown, or another organization's, are NotFound, and nothing changes.

    Where roles are told as a list, an unknown one is what was told wrongly, as in an invitation.
    """
    member, stranger = await make_member(database, ours), await make_member(database, theirs)
    foreign = await call(database, theirs.scope, create_role, name="auditor", permissions=())
    await forget(database)

    pairs = [(unknown, "viewer"), (stranger.id, "viewer"), (member.id, unknown), (member.id, foreign.id)]
    for user_id, role_id in pairs:
        for function in (grant_role, revoke_role):
            with pytest.raises(NotFound):
                await call(database, ours.scope, function, user_id=user_id, role_id=role_id)
        with pytest.raises(ValidationFailed if user_id == member.id else NotFound):
            await call(database, ours.scope, set_roles, user_id=user_id, role_ids=[role_id, "admin"])
    for user_id in (unknown, stranger.id):
        with pytest.raises(NotFound):
            await call(database, ours.scope, remove_member, user_id=user_id)
    assert await actions(database) == []
    assert await roles(database, theirs, stranger) == await roles(database, ours, member) == ["member"]


async def test_roles_are_set_as_a_whole(database: Database, ours: Tenant) -> None:
    """Setting roles gives what is missing and takes what is too much, and touches neither the rest nor anybody else."""
    user, other = await make_member(database, ours, "viewer"), await make_member(database, ours, "viewer")
    await call(database, ours.scope, grant_role, user_id=user.id, role_id="member")
    [kept] = await tell(database, "select * from user_roles where role_id = 'member'")
    await forget(database)

    now = await call(database, ours.scope, set_roles, user_id=user.id, role_ids=["member", "admin", "admin"])

    assert sorted(names(now)) == await roles(database, ours, user) == ["admin", "member"]
    assert await tell(database, "select * from user_roles where role_id = 'member'") == [kept]
    assert await roles(database, ours, other) == ["viewer"]
    assert await actions(database) == ["member.role_granted", "member.role_revoked"]
    assert await call(database, ours.scope, set_roles, user_id=user.id, role_ids=["admin", "member"]) == now
    assert len(await actions(database)) == 2
    assert await call(database, ours.scope, set_roles, user_id=user.id, role_ids=[]) == []
    assert not await call(database, ours.scope, is_member, user_id=user.id)


async def test_a_member_is_removed_as_a_whole(database: Database, ours: Tenant) -> None:
    """Who is removed keeps no role, and is a user all the same; who has none cannot be removed."""
    user = await make_member(database, ours, "viewer")
    await call(database, ours.scope, grant_role, user_id=user.id, role_id="admin")
    await forget(database)

    await call(database, ours.scope, remove_member, user_id=user.id)

    assert await roles(database, ours, user) == []
    assert await actions(database) == ["member.role_revoked", "member.role_revoked"]
    assert await call(database, ours.scope, get_user, user_id=user.id) == user
    with pytest.raises(NotFound):
        await call(database, ours.scope, remove_member, user_id=user.id)


class TestNobodyHandsOutMore:
    """Nobody gives or takes a role that may do more than they may themselves."""

    @pytest.mark.parametrize(
        ("function", "given"),
        [
            (grant_role, {"role_id": "owner"}),
            (revoke_role, {"role_id": "owner"}),
            (set_roles, {"role_ids": ["owner"]}),
            (set_roles, {"role_ids": ["viewer"]}),
            (remove_member, {}),
        ],
    )
    async def test_an_admin_makes_and_unmakes_no_owner(
        self, database: Database, ours: Tenant, *, function: Any, given: dict[str, Any]
    ) -> None:
        """Owners are made, demoted and removed by owners; an admin is told which permission is missing."""
        await make_member(database, ours, "owner")
        makes = "owner" in str(given) and function is not revoke_role
        user = await make_member(database, ours, "viewer" if makes else "owner")
        before = await tell(database, "table user_roles")
        await forget(database)

        with pytest.raises(Forbidden, match="'owner' may do 'organization:manage', which you may not"):
            await call(database, ours.scope, function, user_id=user.id, actor=acting("admin"), **given)
        assert await tell(database, "table user_roles") == before
        assert await actions(database) == []
        await call(database, ours.scope, function, user_id=user.id, actor=acting("owner"), **given)
        assert await tell(database, "table user_roles") != before

    async def test_what_stays_is_no_matter(self, database: Database, ours: Tenant) -> None:
        """An admin gives a further role to an owner, who keeps that one."""
        await make_member(database, ours, "owner")
        user = await make_member(database, ours, "owner")
        await call(
            database, ours.scope, set_roles, user_id=user.id, role_ids=["owner", "viewer"], actor=acting("admin")
        )
        assert await roles(database, ours, user) == ["owner", "viewer"]

    async def test_who_is_mightier(self, database: Database, ours: Tenant) -> None:
        """A user whose roles may more than the actor is out of reach; one's equals, the lesser and nobody are not."""
        owner, admin = await make_member(database, ours, "owner"), await make_member(database, ours, "admin")
        with pytest.raises(Forbidden):
            await call(database, ours.scope, refuse_mightier, user_id=owner.id, actor=acting("admin"))
        for user_id in (admin.id, *JUNK):
            await call(database, ours.scope, refuse_mightier, user_id=user_id, actor=acting("admin"))


Loss = Callable[[Session, Tenant, User], Awaitable[object]]

# Every way in which an organization could lose an owner, from within it and from above.
LOSSES: dict[str, Loss] = {
    "revoke_role": lambda session, home, user: revoke_role(session, home.scope, user_id=user.id, role_id="owner"),
    "set_roles": lambda session, home, user: set_roles(session, home.scope, user_id=user.id, role_ids=["admin"]),
    "set_roles to none": lambda session, home, user: set_roles(session, home.scope, user_id=user.id, role_ids=[]),
    "remove_member": lambda session, home, user: remove_member(session, home.scope, user_id=user.id),
    "delete_user": lambda session, home, user: delete_user(session, home.scope, user_id=user.id),
    "soft_delete_user": lambda session, home, user: soft_delete_user(session, home.scope, user_id=user.id),
    "delete_user from above": lambda session, _, user: delete_user(session, FLEET, user_id=user.id),
    "soft_delete_user from above": lambda session, _, user: soft_delete_user(session, FLEET, user_id=user.id),
}


async def state(database: Database) -> list[Any]:
    """Return all that a loss could change, as it is."""
    tables = {"users": "id", "user_roles": "user_id, role_id", "audit_events": "id"}
    return [await tell(database, f"table {table} order by {key}") for table, key in tables.items()]


async def lose(database: Database, home: Tenant, user: User, loss: str) -> None:
    """Try one of the losses in a transaction of its own."""
    async with database.unit_of_work(FLEET if "above" in loss else home.scope) as session:
        await LOSSES[loss](session, home, user)


@pytest.mark.parametrize("loss", LOSSES)
class TestTheLastOwner:
    """An organization that has an owner keeps one."""

    async def test_cannot_vanish(self, database: Database, ours: Tenant, theirs: Tenant, *, loss: str) -> None:
        """The last owner stays, whichever way it goes; other members, or owners elsewhere, are no help."""
        owner = await make_member(database, ours, "owner")
        await make_member(database, ours, "admin")
        await make_member(database, theirs, "owner")
        before = await state(database)

        with pytest.raises(LastOwner, match="make somebody else an owner first"):
            await lose(database, ours, owner, loss)
        assert await state(database) == before

    async def test_cannot_vanish_behind_a_caught_error(self, database: Database, ours: Tenant, *, loss: str) -> None:
        """Who catches LastOwner and commits the transaction has lost nobody either."""
        owner = await make_member(database, ours, "owner")
        before = await state(database)

        async with database.unit_of_work(FLEET if "above" in loss else ours.scope) as session:
            with pytest.raises(LastOwner):
                await LOSSES[loss](session, ours, owner)
        assert await state(database) == before

    async def test_may_go_when_another_one_is_left(self, database: Database, ours: Tenant, *, loss: str) -> None:
        """One of two owners may go, the other one may not follow."""
        first, second = await make_member(database, ours, "owner"), await make_member(database, ours, "owner")
        await lose(database, ours, first, loss)
        with pytest.raises(LastOwner):
            await lose(database, ours, second, loss)

    async def test_is_not_counted_when_deleted(self, database: Database, ours: Tenant, *, loss: str) -> None:
        """A soft-deleted owner is none: the one who is left is the last; restored, there are two."""
        gone, last = await make_member(database, ours, "owner"), await make_member(database, ours, "owner")
        await call(database, ours.scope, soft_delete_user, user_id=gone.id)
        with pytest.raises(LastOwner):
            await lose(database, ours, last, loss)
        await call(database, ours.scope, restore_user, user_id=gone.id)
        await lose(database, ours, last, loss)

    async def test_is_not_missed_where_there_was_none(self, database: Database, ours: Tenant, *, loss: str) -> None:
        """An organization without an owner is not stuck: members come and go, and one may become its owner."""
        user = await make_member(database, ours, "viewer")
        if loss == "revoke_role":
            await call(database, ours.scope, revoke_role, user_id=user.id, role_id="viewer")
        else:
            await lose(database, ours, user, loss)
        other = await make_member(database, ours, "viewer")
        await call(database, ours.scope, grant_role, user_id=other.id, role_id="owner")

    async def test_stays_in_a_soft_deleted_organization(self, database: Database, ours: Tenant, *, loss: str) -> None:
        """What may be restored one day keeps its owner until then."""
        owner = await make_member(database, ours, "owner")
        await call(database, ours.scope, soft_delete_organization, organization_id=ours.organization_id)
        with pytest.raises(LastOwner):
            await lose(database, ours, owner, loss)


@pytest.mark.parametrize("function", [delete_user, soft_delete_user])
class TestFromAbove:
    """Across organizations every organization that a user owns is looked after."""

    async def test_each_organization_counts(
        self, database: Database, ours: Tenant, theirs: Tenant, *, function: Any
    ) -> None:
        """An owner of two organizations is kept by the one that has no other owner."""
        user = await make_member(database, ours, "owner")
        await tell(database, HOLD, home=theirs.organization_id, user=user.id, role="owner")
        await make_member(database, ours, "owner")
        with pytest.raises(LastOwner):
            await call(database, FLEET, function, user_id=user.id)
        await make_member(database, theirs, "owner")
        await call(database, FLEET, function, user_id=user.id)

    async def test_who_owns_nothing_can_go(self, database: Database, ours: Tenant, *, function: Any) -> None:
        """A user without a home, and one who is no owner, can be deleted; one who is not there cannot."""
        homeless = await call(database, FLEET, create_user, email="h@example.org", name="H")
        member = await make_member(database, ours, "admin")
        for user in (homeless, member):
            await call(database, FLEET, function, user_id=user.id)
        for user_id in JUNK:
            with pytest.raises(NotFound):
                await call(database, FLEET, function, user_id=user_id)

    async def test_who_becomes_an_owner_meanwhile_is_noticed(
        self, database: Database, ours: Tenant, theirs: Tenant, *, function: Any
    ) -> None:
        """Made the owner of a further organization while the deletion waits, a user stays: it has to be tried again."""
        user = await make_member(database, ours, "owner")
        await make_member(database, ours, "owner")
        met: list[Exception] = []

        async def delete() -> None:
            try:
                await call(database, FLEET, function, user_id=user.id)
            except (TransactionConflict, LastOwner) as error:
                met.append(error)

        async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
            await take_turn(session, ours.scope)
            tasks.start_soon(delete)
            await until_blocked(database)
            await tell(database, HOLD, home=theirs.organization_id, user=user.id, role="owner")
        assert [type(error) for error in met] == [TransactionConflict]
        await delete()
        assert type(met[1]) is LastOwner
