from __future__ import annotations

from typing import Any

import pytest
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import call, make_member, names, tell

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import SYSTEM_ROLES
from fairlead.errors import NotFound
from fairlead.queries.page import Window
from fairlead.queries.roles import get_role, get_role_page, has_owner, is_offered, organizations_owned, roles_of
from fairlead.services.members import grant_role
from fairlead.services.roles import create_role

pytestmark = pytest.mark.anyio

JUNK = ["nobody0123456789abcdefgh", "", "x", "a\x00b", "\ud800", "%", "'"]

HOLD = "insert into user_roles (organization_id, user_id, role_id) values (:home, :user, :role)"
INVITE = """
insert into invitations
    (id, organization_id, email, role_id, role_scope, token_hash, expires_at, accepted_at, revoked_at)
values (:id, :home, 'b@example.org', :role, :home, :id, now() + cast(:lasts as interval),
    case when :accepted then now() end, case when :revoked then now() end)
"""


@pytest.mark.parametrize("role_id", SYSTEM_ROLES)
async def test_system_roles_are_those_of_the_table(database: Database, ours: Tenant, *, role_id: str) -> None:
    """Each system role can be read everywhere, under its name, with exactly the permissions of the table."""
    for scope in (ours.scope, FLEET):
        role = await call(database, scope, get_role, role_id=role_id)
        assert (role.id, role.name, role.organization_id) == (role_id, role_id, None)
        assert role.permissions == sorted(SYSTEM_ROLES[role_id])
        assert role.description


@pytest.mark.parametrize("role_id", JUNK)
async def test_there_is_no_such_role(database: Database, ours: Tenant, *, role_id: str) -> None:
    """Whatever is no role's id is NotFound; who is nobody has no role."""
    with pytest.raises(NotFound):
        await call(database, ours.scope, get_role, role_id=role_id)
    assert await call(database, ours.scope, roles_of, user_id=role_id) == []
    assert await call(database, FLEET, organizations_owned, user_id=role_id) == []


async def test_own_roles_are_ones_own(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A page lists the organization's own roles before the system's, and none of another organization."""
    auditor = await call(database, ours.scope, create_role, name="Auditor", permissions=["audit:read"])
    await call(database, theirs.scope, create_role, name="Auditor", permissions=["audit:read"])
    cleaner = await call(database, ours.scope, create_role, name="50%_Cleaner", permissions=[])

    page = await call(database, ours.scope, get_role_page, window=Window())
    assert page.data[:2] == (cleaner, auditor)
    assert sorted(names(page.data[2:])) == sorted(SYSTEM_ROLES)
    assert page.total == 6
    for search, expected in (("AUDIT", ["Auditor"]), ("%_", ["50%_Cleaner"]), ("own", ["owner"]), ("\\", [])):
        part = await call(database, ours.scope, get_role_page, window=Window(), search=search)
        assert (names(part.data), part.total) == (expected, len(expected))
    with pytest.raises(NotFound):
        await call(database, theirs.scope, get_role, role_id=auditor.id)
    assert await call(database, FLEET, get_role, role_id=auditor.id) == auditor


async def test_roles_of_a_user(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A user's roles here are listed, the oldest role first; across organizations all of them, each once."""
    user = await make_member(database, ours, "viewer")
    auditor = await call(database, ours.scope, create_role, name="Auditor", permissions=["audit:read"])
    await call(database, ours.scope, grant_role, user_id=user.id, role_id=auditor.id)
    for role_id in ("owner", "viewer"):
        await tell(database, HOLD, home=theirs.organization_id, user=user.id, role=role_id)

    assert names(await call(database, ours.scope, roles_of, user_id=user.id)) == ["viewer", "Auditor"]
    assert names(await call(database, theirs.scope, roles_of, user_id=user.id)) == ["owner", "viewer"]
    assert names(await call(database, FLEET, roles_of, user_id=user.id)) == ["owner", "viewer", "Auditor"]
    assert await call(database, FLEET, organizations_owned, user_id=user.id) == [theirs.organization_id]


@pytest.mark.parametrize(
    ("invitation", "offered"),
    [({}, True), ({"lasts": "-1 second"}, False), ({"accepted": True}, False), ({"revoked": True}, False)],
    ids=str,
)
async def test_a_role_is_offered_by_open_invitations(
    database: Database, ours: Tenant, *, invitation: dict[str, Any], offered: bool
) -> None:
    """An invitation that can still be accepted offers its role; one that is over does not."""
    role = await call(database, ours.scope, create_role, name="Auditor", permissions=[])
    assert not await call(database, ours.scope, is_offered, role_id=role.id)
    usual = {"lasts": "1 day", "accepted": False, "revoked": False, "id": new_id()}

    await tell(database, INVITE, **{**usual, "home": ours.organization_id, "role": role.id, **invitation})

    assert await call(database, ours.scope, is_offered, role_id=role.id) == offered


async def test_a_role_is_offered_where_it_is_held(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A role that a member has is in use, in this organization and not in another."""
    await make_member(database, ours, "viewer")
    assert await call(database, ours.scope, is_offered, role_id="viewer")
    assert not await call(database, theirs.scope, is_offered, role_id="viewer")
    assert not await call(database, ours.scope, is_offered, role_id="admin")


async def test_an_owner_is_there_unless_deleted(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """An organization has an owner when somebody who is not deleted has that role, here, wherever they are at home."""
    assert not await call(database, ours.scope, has_owner)
    await make_member(database, ours, "admin")
    own = await call(database, ours.scope, create_role, name="owner", permissions=["organization:manage"])
    pretender = await make_member(database, ours, own.id)
    assert not await call(database, ours.scope, has_owner)

    await call(database, ours.scope, grant_role, user_id=pretender.id, role_id="owner")
    assert await call(database, ours.scope, has_owner)
    assert not await call(database, theirs.scope, has_owner)
    await tell(database, "update users set deleted_at = now()")
    assert not await call(database, ours.scope, has_owner)

    guest = await make_member(database, theirs)
    await tell(database, HOLD, home=ours.organization_id, user=guest.id, role="owner")
    assert await call(database, ours.scope, has_owner)
