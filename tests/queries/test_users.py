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
from fairlead.queries.organizations import get_organization
from fairlead.queries.page import After, Window
from fairlead.queries.users import (
    get_user,
    get_user_by_email,
    get_user_page,
    get_user_slice,
    get_user_with_organization,
    is_member,
    permissions_of,
)
from fairlead.rows import User
from fairlead.services.members import grant_role
from fairlead.services.organizations import soft_delete_organization
from fairlead.services.roles import create_role
from fairlead.services.users import create_user, soft_delete_user

pytestmark = pytest.mark.anyio

# What cannot be an id: empty, too short, and what PostgreSQL's text cannot hold.
JUNK = ["", "x", "a\x00b", "\ud800", "%", "'"]

PEOPLE = {
    "Ada Lovelace": "ada@example.org",
    "Grace Hopper": "grace@navy.mil",
    "100%_Real": "real@example.org",
    "Éva\\": "eva@example.org",
}


async def found(database: Database, where: Tenant, **filters: Any) -> list[str]:
    """Return the names that a page lists, after checking that the total and a walk in slices say the same."""
    page = await call(database, where.scope, get_user_page, window=Window(limit=100), **filters)
    assert page.total == len(page.data)
    walked: list[User] = []
    after = After(limit=1)
    while True:
        part = await call(database, where.scope, get_user_slice, after=after, **filters)
        walked.extend(part.data)
        if part.next is None:
            break
        after = After(part.next, 1)
    assert tuple(walked) == page.data
    return names(page.data)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("LOVE", ["Ada Lovelace"]),
        ("navy", ["Grace Hopper"]),
        ("EXAMPLE.org", ["Éva\\", "100%_Real", "Ada Lovelace"]),
        ("%", ["100%_Real"]),
        ("_", ["100%_Real"]),
        ("\\", ["Éva\\"]),
        ("éva", ["Éva\\"]),
        ("nobody", []),
        ("a\x00", []),
        ("", ["Éva\\", "100%_Real", "Grace Hopper", "Ada Lovelace"]),
    ],
)
async def test_search(database: Database, ours: Tenant, theirs: Tenant, *, search: str, expected: list[str]) -> None:
    """Text is found anywhere in a name or an address, in any case and literally, in one's own organization."""
    for name, email in PEOPLE.items():
        await make_member(database, ours, name=name, email=email)
    await make_member(database, theirs, name="Ada Lovelace too 100%_\\ navy éva", email="z@example.org")

    assert await found(database, ours, search=search) == expected


async def test_filters(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Each filter limits the list, its total and its slices, alone and together with the others."""
    await make_member(database, ours, "owner", name="Ada")
    await make_member(database, ours, "viewer", name="Bob")
    eve = await make_member(database, ours, "viewer", name="Eve")
    await make_member(database, theirs, "viewer", name="Zoe")
    await tell(database, "update users set email_verified = true where name in ('Ada', 'Eve', 'Zoe')")
    await call(database, ours.scope, soft_delete_user, user_id=eve.id)

    assert await found(database, ours) == ["Bob", "Ada"]
    assert await found(database, ours, deleted=True) == ["Eve", "Bob", "Ada"]
    assert await found(database, ours, email_verified=True) == ["Ada"]
    assert await found(database, ours, email_verified=False) == ["Bob"]
    assert await found(database, ours, role_id="viewer") == ["Bob"]
    assert await found(database, ours, role_id="viewer", deleted=True) == ["Eve", "Bob"]
    assert await found(database, ours, role_id="viewer", deleted=True, email_verified=True, search="E") == ["Eve"]
    for unknown in (new_id(), *JUNK):
        assert await found(database, ours, role_id=unknown) == []
    everybody = await call(database, FLEET, get_user_page, window=Window(), role_id="viewer", email_verified=True)
    assert names(everybody.data) == ["Zoe"]


async def test_a_page_is_a_part(database: Database, ours: Tenant) -> None:
    """Pages are newest first; each knows the whole, and one past the end is empty."""
    for number in range(5):
        await make_member(database, ours, name=f"u{number}")
    pages = [await call(database, ours.scope, get_user_page, window=Window(number, 2)) for number in (1, 2, 3, 4)]
    assert [names(page.data) for page in pages] == [["u4", "u3"], ["u2", "u1"], ["u0"], []]
    assert {(page.total, page.total_pages) for page in pages} == {(5, 3)}


@pytest.mark.parametrize("user_id", ["nobody0123456789abcdefgh", *JUNK])
async def test_nobody_of_that_name(database: Database, ours: Tenant, *, user_id: str) -> None:
    """Whatever is asked for that is nobody's id or address is NotFound, and may nothing."""
    for read in (get_user, get_user_with_organization):
        with pytest.raises(NotFound):
            await call(database, ours.scope, read, user_id=user_id)
    with pytest.raises(NotFound):
        await call(database, ours.scope, get_user_by_email, email=user_id)
    assert await call(database, ours.scope, permissions_of, user_id=user_id) == frozenset()
    assert not await call(database, ours.scope, is_member, user_id=user_id)


async def test_users_are_found_in_their_organization(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A user is found by id and by address, however it is written; another organization has no such user."""
    user = await make_member(database, ours, email="ada@example.org")

    assert await call(database, ours.scope, get_user_by_email, email="ADA@example.org ") == user
    assert await call(database, FLEET, get_user_by_email, email="ada@example.org") == user
    with pytest.raises(NotFound):
        await call(database, theirs.scope, get_user_by_email, email=user.email)
    for read in (get_user, get_user_with_organization):
        with pytest.raises(NotFound):
            await call(database, theirs.scope, read, user_id=user.id)


async def test_user_with_organization(database: Database, ours: Tenant) -> None:
    """The home comes along; somebody without one, or whose home is deleted, comes without."""
    member = await make_member(database, ours)
    homeless = await call(database, FLEET, create_user, email="h@example.org", name="H")
    home = await call(database, ours.scope, get_organization, organization_id=ours.organization_id)

    for scope in (ours.scope, FLEET):
        assert await call(database, scope, get_user_with_organization, user_id=member.id) == (member, home)
    assert await call(database, FLEET, get_user_with_organization, user_id=homeless.id) == (homeless, None)
    await call(database, ours.scope, soft_delete_organization, organization_id=home.id)
    for scope in (ours.scope, FLEET):
        assert await call(database, scope, get_user_with_organization, user_id=member.id) == (member, None)


async def test_permissions_add_up(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Who has several roles may do what any of them allows, in this organization and in no other."""
    user = await make_member(database, ours, "viewer")
    auditor = await call(database, ours.scope, create_role, name="auditor", permissions=["audit:read", "items:read"])
    await call(database, ours.scope, grant_role, user_id=user.id, role_id=auditor.id)

    allowed = await call(database, ours.scope, permissions_of, user_id=user.id)
    assert allowed == SYSTEM_ROLES["viewer"] | {"audit:read"}
    assert await call(database, theirs.scope, permissions_of, user_id=user.id) == frozenset()


async def test_members_have_a_role(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A member is who has a role here, even one that allows nothing; neither a stranger nor a user without one is."""
    user = await make_member(database, ours)
    assert await call(database, ours.scope, is_member, user_id=user.id)
    assert not await call(database, theirs.scope, is_member, user_id=user.id)

    nothing = await call(database, ours.scope, create_role, name="guest", permissions=[])
    await call(database, ours.scope, grant_role, user_id=user.id, role_id=nothing.id)
    await tell(database, "delete from user_roles where role_id = 'member'")
    assert await call(database, ours.scope, is_member, user_id=user.id)
    await tell(database, "delete from user_roles")
    assert not await call(database, ours.scope, is_member, user_id=user.id)
