from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.db.tenancy import tenant
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import SYSTEM_ROLES
from fairlead.errors import Conflict, NotFound, ValidationFailed
from fairlead.queries.organizations import get_organization, get_organization_by_slug
from fairlead.queries.users import get_user_by_email, permissions_of
from fairlead.services.organizations import create_organization
from fairlead.services.users import create_user

pytestmark = pytest.mark.anyio


async def make(
    database: Database, organization_id: str, email: str = "ada@example.org", *, name: str = "Ada", role: str = "owner"
) -> str:
    """Make a user in a transaction of its own and return the id."""
    async with database.unit_of_work(FLEET) as session:
        made = await create_user(session, tenant(organization_id), email=email, name=name, role=role)
    return made.id


async def test_organization_with_its_owner(database: Database) -> None:
    """An organization and its owner are made in one transaction, and found by id, slug and address."""
    async with database.unit_of_work(FLEET) as session:
        made = await create_organization(session, FLEET, name="Acme", slug="acme")
        user = await create_user(session, tenant(made.id), email=" Ada@Example.ORG ", name="Ada", role="owner")

    async with database.unit_of_work(FLEET) as session:
        assert await get_organization_by_slug(session, FLEET, slug="acme") == made
        assert await get_organization(session, FLEET, organization_id=made.id) == made
        actions = (await session.execute(text("select action from audit_events"))).scalars().all()
    assert sorted(actions) == ["member.role_granted", "organization.created", "user.created"]
    assert user.email == "ada@example.org"


async def test_slugs_are_unique_and_checked(database: Database) -> None:
    """A slug that is taken is a Conflict naming it; a slug or name that cannot be is refused by name."""
    for raised in (None, Conflict):
        try:
            async with database.unit_of_work(FLEET) as session:
                await create_organization(session, FLEET, name="Acme", slug="acme")
        except Conflict as error:
            assert raised is Conflict
            assert error.details.keys() == {"slug"}  # noqa: PT017 - the first turn must not raise
    with pytest.raises(ValidationFailed) as refused:
        async with database.unit_of_work(FLEET) as session:
            await create_organization(session, FLEET, name=" ", slug="No Slug")
    assert refused.value.details.keys() == {"name", "slug"}


async def test_address_is_unique_in_every_spelling(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """One address is one user, in whatever case or organization it comes again."""
    await make(database, ours.organization_id)

    with pytest.raises(Conflict) as refused:
        await make(database, theirs.organization_id, "ADA@example.org")
    assert refused.value.details.keys() == {"email"}


async def test_wrong_values_are_named(database: Database, ours: Tenant) -> None:
    """An address, a name and a role that cannot be are named together; an unknown organization is NotFound."""
    with pytest.raises(ValidationFailed) as refused:
        await make(database, ours.organization_id, "nobody", name="", role="king")
    assert refused.value.details.keys() == {"email", "name", "role"}
    with pytest.raises(NotFound):
        await make(database, new_id())


@pytest.mark.parametrize("role", SYSTEM_ROLES)
async def test_roles_allow_what_the_table_says(database: Database, ours: Tenant, *, role: str) -> None:
    """A member may do what the table of roles says, in this organization only."""
    user_id = await make(database, ours.organization_id, role=role)

    async with database.unit_of_work(ours.scope) as session:
        assert await permissions_of(session, ours.scope, user_id=user_id) == SYSTEM_ROLES[role]
        assert await permissions_of(session, ours.scope, user_id=new_id()) == frozenset()


async def test_users_are_found_by_address_in_their_organization(
    database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """A member is found by address, however it is written; in another organization there is no such user."""
    user_id = await make(database, ours.organization_id)

    async with database.unit_of_work(ours.scope) as session:
        assert (await get_user_by_email(session, ours.scope, email="ADA@example.org ")).id == user_id
    async with database.unit_of_work(theirs.scope) as session:
        with pytest.raises(NotFound):
            await get_user_by_email(session, theirs.scope, email="ada@example.org")
        with pytest.raises(NotFound):
            await get_organization(session, theirs.scope, organization_id=ours.organization_id)
