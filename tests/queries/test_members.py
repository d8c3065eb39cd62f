from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import SYSTEM_ROLES
from fairlead.queries.members import find_permissions
from fairlead.services.members import grant_role
from fairlead.services.roles import create_role

pytestmark = pytest.mark.anyio


async def permissions(database: Database, organization_id: str, user_id: str) -> frozenset[str] | None:
    """Ask in a transaction of its own."""
    async with database.unit_of_work(FLEET) as session:
        return await find_permissions(session, FLEET, organization_id=organization_id, user_id=user_id)


async def test_a_member_may_what_the_roles_say(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """All roles of a member count, also a role that allows nothing; who has none is no member."""
    viewer, nobody = await make_user(database, ours, "viewer"), await make_user(database, theirs)
    async with database.unit_of_work(ours.scope) as session:
        for name, allowed in (("auditor", ["audit:read"]), ("guest", [])):
            role = await create_role(session, ours.scope, name=name, permissions=allowed)
            await grant_role(session, ours.scope, user_id=viewer, role_id=role.id)

    assert await permissions(database, ours.organization_id, viewer) == SYSTEM_ROLES["viewer"] | {"audit:read"}
    assert await permissions(database, ours.organization_id, nobody) is None
    for organization_id, user_id in ((new_id(), viewer), (ours.organization_id, new_id()), ("x", viewer), ("\0", "")):
        assert await permissions(database, organization_id, user_id) is None


async def test_a_role_without_permissions_makes_a_member(database: Database, ours: Tenant) -> None:
    """Who has only a role that allows nothing is a member who may do nothing."""
    async with database.unit_of_work(ours.scope) as session:
        role = await create_role(session, ours.scope, name="guest", permissions=[])

    assert await permissions(database, ours.organization_id, await make_user(database, ours, role.id)) == frozenset()


@pytest.mark.parametrize("end", ["update users set deleted_at = now()", "update organizations set deleted_at = now()"])
async def test_what_is_deleted_has_no_members(database: Database, ours: Tenant, *, end: str) -> None:
    """A deleted user is no member, and a deleted organization has none."""
    user_id = await make_user(database, ours)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text(end))

    assert await permissions(database, ours.organization_id, user_id) is None


async def test_members_may_be_at_home_elsewhere(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A role counts wherever its holder is at home, and only where it was given."""
    user_id = await make_user(database, theirs, "owner")
    async with database.unit_of_work(FLEET) as session:
        await session.execute(
            text(
                "insert into user_roles (organization_id, user_id, role_id) values (:organization, :user, 'viewer')"
            ).bindparams(organization=ours.organization_id, user=user_id)
        )

    assert await permissions(database, ours.organization_id, user_id) == SYSTEM_ROLES["viewer"]
    assert await permissions(database, theirs.organization_id, user_id) == SYSTEM_ROLES["owner"]
