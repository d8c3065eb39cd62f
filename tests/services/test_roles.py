from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import acting, actions, call, forget, make_member, names, overtaken, tell
from tests.fixtures.waiting import until_blocked

from fairlead.db.retry import transact
from fairlead.db.session import Database, Isolation, Session
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import SYSTEM_ROLES, Permission
from fairlead.errors import Conflict, FairleadError, Forbidden, NotFound, TransactionConflict, ValidationFailed
from fairlead.queries.roles import get_role, roles_of
from fairlead.queries.users import permissions_of
from fairlead.rows import Role
from fairlead.services.audit import Actor
from fairlead.services.members import grant_role, revoke_role
from fairlead.services.roles import create_role, delete_role, update_role
from fairlead.services.users import create_user, soft_delete_user

pytestmark = pytest.mark.anyio

INVITE = """
insert into invitations (id, organization_id, email, role_id, role_scope, token_hash, expires_at)
values (:id, :home, 'b@example.org', :role, :home, :id, now() + interval '1 day')
"""


async def make(database: Database, home: Tenant, *permissions: str, name: str = "auditor") -> Role:
    """Make a role of the organization's own."""
    return await call(database, home.scope, create_role, name=name, permissions=permissions)


async def test_a_new_one_is_found(database: Database, ours: Tenant) -> None:
    """A role holds each permission once, in order, however they are given, and is the organization's own."""
    given: list[Any] = [Permission.ITEMS_READ, "audit:read", "items:read"]
    made = await call(database, ours.scope, create_role, name="auditor", permissions=given, description="Looks")

    assert made.permissions == ["audit:read", "items:read"]
    assert (made.name, made.description, made.organization_id) == ("auditor", "Looks", ours.organization_id)
    assert made.created_at == made.updated_at
    assert await call(database, ours.scope, get_role, role_id=made.id) == made


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"permissions": ["items:read", "items:eat", "fly"]}, {"permissions"}),
        ({"permissions": "items:read"}, {"permissions"}),
        ({"permissions": None}, {"permissions"}),
        ({"permissions": 5}, {"permissions"}),
        ({"permissions": [5, ["items:read"]]}, {"permissions"}),
        ({"permissions": iter(("items:read",))}, {"permissions"}),
        ({"name": None, "description": 5, "permissions": ["fly"]}, {"name", "description", "permissions"}),
    ],
    ids=["unknown", "text", "null", "number", "not texts", "spent after one look", "all"],
)
async def test_every_wrong_field_is_named(
    database: Database, ours: Tenant, *, wrong: dict[str, Any], fields: set[str]
) -> None:
    """Unknown permissions, and what is no list of them or no text, are refused by name, when made and when changed."""
    made = await make(database, ours)
    with pytest.raises(ValidationFailed) as refused:
        await call(database, ours.scope, create_role, **{"name": "other", "permissions": (), **wrong})
    assert refused.value.details.keys() == fields
    with pytest.raises(ValidationFailed) as refused:
        await call(database, ours.scope, update_role, role_id=made.id, **{**wrong, "organization_id": None})
    assert refused.value.details.keys() == fields | {"organization_id"}


async def test_an_unknown_permission_is_called_by_its_name(database: Database, ours: Tenant) -> None:
    """The refusal says which permissions there are not, and which there are."""
    with pytest.raises(ValidationFailed) as refused:
        await make(database, ours, "fly", "items:read", "eat")
    assert refused.value.details["permissions"].startswith("eat, fly: no such permission; there are items:enqueue, ")


async def test_names_are_unique_in_an_organization(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A name is taken in its own organization only; one's own name is not taken."""
    auditor, other = await make(database, ours), await make(database, ours, name="other")
    await make(database, theirs)

    for change in (
        call(database, ours.scope, create_role, name="auditor", permissions=()),
        call(database, ours.scope, update_role, role_id=other.id, name="auditor"),
    ):
        with pytest.raises(Conflict) as taken:
            await change
        assert taken.value.details == {"name": "is the name of another role of this organization"}
    assert (await call(database, ours.scope, update_role, role_id=auditor.id, name="auditor")).name == "auditor"


@pytest.mark.parametrize(
    "change", [{"name": "other"}, {"description": "D"}, {"permissions": ["items:read"]}, {"permissions": []}], ids=str
)
async def test_only_what_is_given_changes(database: Database, ours: Tenant, *, change: dict[str, Any]) -> None:
    """An update changes the fields given and the time of the update, and no other column."""
    made = await make(database, ours, "audit:read")

    after = await call(database, ours.scope, update_role, role_id=made.id, **change)

    assert after == replace(made, **change, updated_at=after.updated_at)
    assert after.updated_at > made.updated_at
    assert await call(database, ours.scope, get_role, role_id=made.id) == after


async def test_time_moves_within_a_transaction(database: Database, ours: Tenant) -> None:
    """Made and changed in one transaction, a role was still changed later than it was made."""
    async with database.unit_of_work(ours.scope) as session:
        made = await create_role(session, ours.scope, name="auditor", permissions=())
        after = await update_role(session, ours.scope, role_id=made.id, name="other")
    assert after.updated_at > made.updated_at == after.created_at


async def test_no_change_changes_nothing(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Without fields nothing is written, neither a time nor an event; there has to be such a role here, though."""
    made, foreign = await make(database, ours), await make(database, theirs)
    await forget(database)

    assert await call(database, ours.scope, update_role, role_id=made.id) == made
    assert await actions(database) == []
    for function in (update_role, delete_role):
        for role_id in (foreign.id, new_id(), "junk", "a\x00"):
            with pytest.raises(NotFound):
                await call(database, ours.scope, function, role_id=role_id)


@pytest.mark.parametrize("role_id", SYSTEM_ROLES)
@pytest.mark.parametrize("function", [update_role, delete_role])
async def test_system_roles_stay(database: Database, ours: Tenant, *, role_id: str, function: Any) -> None:
    """Nobody changes or deletes a system role, not even the operator, and is told what to do instead."""
    before = await tell(database, "select * from roles order by id")
    with pytest.raises(Forbidden, match="make a role of your own instead"):
        await call(database, ours.scope, function, role_id=role_id)
    assert await tell(database, "select * from roles order by id") == before


async def test_holders_may_at_once_what_their_role_says(database: Database, ours: Tenant) -> None:
    """A changed role holds for whoever has it from the commit on, and not a moment before."""
    role = await make(database, ours, "items:read")
    user = await make_member(database, ours, role.id)

    async def allowed() -> frozenset[str]:
        return await call(database, ours.scope, permissions_of, user_id=user.id)

    assert await allowed() == {"items:read"}
    async with database.unit_of_work(ours.scope) as session:
        await update_role(session, ours.scope, role_id=role.id, permissions=["audit:read"])
        assert await allowed() == {"items:read"}
    assert await allowed() == {"audit:read"}


async def test_a_held_role_cannot_be_deleted(database: Database, ours: Tenant) -> None:
    """A role stays while a member has it, also a soft-deleted one, or an open invitation offers it."""
    await make_member(database, ours, "owner")
    role = await make(database, ours)
    user = await make_member(database, ours, role.id)

    async def refused() -> bool:
        with pytest.raises(Conflict, match="give them another one first"):
            await call(database, ours.scope, delete_role, role_id=role.id)
        return await call(database, ours.scope, get_role, role_id=role.id) == role

    assert await refused()
    await call(database, ours.scope, soft_delete_user, user_id=user.id)
    assert await refused()
    await call(database, ours.scope, revoke_role, user_id=user.id, role_id=role.id)
    await tell(database, INVITE, id=new_id(), home=ours.organization_id, role=role.id)
    assert await refused()
    await tell(database, "update invitations set revoked_at = now()")
    await call(database, ours.scope, delete_role, role_id=role.id)
    with pytest.raises(NotFound):
        await call(database, ours.scope, get_role, role_id=role.id)


async def test_of_two_deletions_one_is_too_late(database: Database, ours: Tenant) -> None:
    """Deleted by two at once, a role is deleted once: the second one finds nothing, and writes no event."""
    role = await make(database, ours)
    await forget(database)
    assert await overtaken(database, ours.scope, delete_role, role_id=role.id) is NotFound
    assert await actions(database) == ["role.deleted"]


class TestNobodyHandsOutMore:
    """Nobody makes, changes, gives, takes or deletes a role that may do more than they may themselves."""

    @pytest.mark.parametrize("kind", ["user", "api_key"])
    async def test_of_roles_that_are_made(self, database: Database, ours: Tenant, *, kind: Any) -> None:
        """A role is made and changed within the maker's own permissions, and the refusal says which one is missing."""
        actor = Actor(kind, new_id(), permissions=frozenset({"members:manage", "items:read"}))
        made = await call(
            database, ours.scope, create_role, name="r", permissions=["items:read", "members:manage"], actor=actor
        )

        more = ["items:read", "organization:manage"]
        with pytest.raises(Forbidden, match="organization:manage"):
            await call(database, ours.scope, create_role, name="other", permissions=more, actor=actor)
        with pytest.raises(Forbidden, match="organization:manage"):
            await call(database, ours.scope, update_role, role_id=made.id, permissions=more, actor=actor)
        assert await call(database, ours.scope, get_role, role_id=made.id) == made
        await call(database, ours.scope, update_role, role_id=made.id, permissions=["items:read"], actor=actor)

    @pytest.mark.parametrize("change", [{"name": "weak"}, {"permissions": []}])
    async def test_of_roles_that_may_more(self, database: Database, ours: Tenant, *, change: dict[str, Any]) -> None:
        """A role that may do more is not changed by one who may less, not even made weaker, and not deleted."""
        role = await make(database, ours, "organization:manage")
        admin, owner = acting("admin"), acting("owner")

        with pytest.raises(Forbidden):
            await call(database, ours.scope, update_role, role_id=role.id, actor=admin, **change)
        with pytest.raises(Forbidden):
            await call(database, ours.scope, delete_role, role_id=role.id, actor=admin)
        assert await call(database, ours.scope, get_role, role_id=role.id) == role
        await call(database, ours.scope, update_role, role_id=role.id, actor=owner, name="strong")
        await call(database, ours.scope, delete_role, role_id=role.id, actor=owner)

    async def test_to_new_users(self, database: Database, ours: Tenant) -> None:
        """A user is made in a custom role only by one who may all that it may."""
        role = await make(database, ours, "organization:manage")
        given: dict[str, Any] = {"email": "a@example.org", "name": "Ada", "role": role.id}
        with pytest.raises(Forbidden):
            await call(database, ours.scope, create_user, actor=acting("admin"), **given)
        made = await call(database, ours.scope, create_user, actor=acting("owner"), **given)
        assert names(await call(database, ours.scope, roles_of, user_id=made.id)) == ["auditor"]


Step = Callable[[Session], Awaitable[object]]


class TestDeletedWhileGranted:
    """A role that is deleted and given at the same moment is one or the other, and never held without being there."""

    @pytest.fixture
    async def role(self, database: Database, ours: Tenant) -> Role:
        """A role that nobody has."""
        return await make(database, ours)

    @pytest.fixture
    async def steps(self, database: Database, ours: Tenant, role: Role) -> dict[str, Step]:
        """Delete the role, and grant it to somebody."""
        user = await make_member(database, ours)
        return {
            "delete": lambda session: delete_role(session, ours.scope, role_id=role.id),
            "grant": lambda session: grant_role(session, ours.scope, user_id=user.id, role_id=role.id),
        }

    @pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
    @pytest.mark.parametrize(
        ("first", "then", "errors"),
        [("delete", "grant", {NotFound, TransactionConflict}), ("grant", "delete", {Conflict, TransactionConflict})],
    )
    async def test_exactly_one_wins(
        self,
        database: Database,
        ours: Tenant,
        role: Role,
        steps: dict[str, Step],
        *,
        isolation: Isolation,
        first: str,
        then: str,
        errors: set[type[FairleadError]],
    ) -> None:
        """Whoever comes second, while the first is not committed, fails, and tried again fails for the right reason."""
        met: list[type[FairleadError]] = []

        async def second() -> None:
            try:
                async with database.unit_of_work(ours.scope, isolation=isolation) as session:
                    await steps[then](session)
            except FairleadError as error:
                met.append(type(error))

        one = database.unit_of_work(ours.scope, isolation=isolation)
        async with anyio.create_task_group() as tasks, one as session:
            await steps[first](session)
            tasks.start_soon(second)
            await until_blocked(database)

        assert len(met) == 1
        assert met[0] in errors
        assert met[0] is not TransactionConflict or isolation != "read committed"
        with pytest.raises(tuple(errors - {TransactionConflict})):
            await transact(database, ours.scope, work=steps[then], isolation=isolation)
        held = await tell(database, "select from user_roles where role_id = :id", id=role.id)
        there = await tell(database, "select from roles where id = :id", id=role.id)
        assert (len(held), len(there)) == ((0, 0) if first == "delete" else (1, 1))

    async def test_an_invitation_in_the_making_is_waited_for(
        self, database: Database, ours: Tenant, role: Role
    ) -> None:
        """A role that is just being offered is not deleted from under the invitation."""
        met: list[str] = []

        async def delete() -> None:
            try:
                await call(database, ours.scope, delete_role, role_id=role.id)
            except Conflict as error:
                met.append(error.message)

        async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
            invitation = {"id": new_id(), "home": ours.organization_id, "role": role.id}
            await session.execute(text(INVITE).bindparams(**invitation))
            tasks.start_soon(delete)
            await until_blocked(database)
        assert met == ["Somebody has this role, or is invited to it; give them another one first."]

    async def test_an_old_snapshot_sees_no_grant(
        self, database: Database, ours: Tenant, role: Role, steps: dict[str, Step]
    ) -> None:
        """A transaction that began before a grant and cannot see it does not delete the role from under it."""

        async def delete_later(session: Session) -> None:
            await get_role(session, ours.scope, role_id=role.id)
            async with database.unit_of_work(ours.scope) as other:
                await steps["grant"](other)
            await steps["delete"](session)

        with pytest.raises(Conflict, match="give them another one first"):
            await transact(database, ours.scope, work=delete_later, isolation="repeatable read", tries=1)
        assert await call(database, FLEET, get_role, role_id=role.id) == role
