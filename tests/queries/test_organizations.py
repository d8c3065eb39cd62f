from __future__ import annotations

import pytest
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import call, names

from fairlead.db.session import Database
from fairlead.errors import NotFound
from fairlead.queries.organizations import get_organization, get_organization_by_slug, get_organization_page
from fairlead.queries.page import Window
from fairlead.services.organizations import create_organization, soft_delete_organization

pytestmark = pytest.mark.anyio

# What no organization is called: among it what PostgreSQL's text cannot hold.
JUNK = ["nobody0123456789abcdefgh", "", "x", "a\x00b", "\ud800", "%", "'"]


@pytest.mark.parametrize("name", JUNK)
async def test_there_is_no_such_organization(database: Database, ours: Tenant, *, name: str) -> None:
    """Whatever is no organization's id or slug is NotFound."""
    for scope in (ours.scope, FLEET):
        with pytest.raises(NotFound):
            await call(database, scope, get_organization, organization_id=name)
    with pytest.raises(NotFound):
        await call(database, FLEET, get_organization_by_slug, slug=name)


async def test_a_tenant_sees_its_own(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A tenant reads its own organization; another one is as unknown as one that does not exist."""
    own = await call(database, ours.scope, get_organization, organization_id=ours.organization_id)
    assert own == await call(database, FLEET, get_organization, organization_id=ours.organization_id)
    with pytest.raises(NotFound):
        await call(database, ours.scope, get_organization, organization_id=theirs.organization_id)


@pytest.mark.parametrize(
    ("search", "deleted", "expected"),
    [
        (None, False, ["50% Off", "Beta_Inc", "Acme"]),
        (None, True, ["Gone", "50% Off", "Beta_Inc", "Acme"]),
        ("ACME", False, ["Beta_Inc", "Acme"]),
        ("beta", False, ["Beta_Inc"]),
        ("%", False, ["50% Off"]),
        ("_", False, ["Beta_Inc"]),
        ("gone", False, []),
        ("gone", True, ["Gone"]),
        ("\\", True, []),
        ("a\x00", True, []),
    ],
)
async def test_page(database: Database, *, search: str | None, deleted: bool, expected: list[str]) -> None:
    """A page lists all organizations, newest first; text is found in name and slug, in any case and literally."""
    for name, slug in (("Acme", "one"), ("Beta_Inc", "not-acme"), ("50% Off", "three"), ("Gone", "four")):
        made = await call(database, FLEET, create_organization, name=name, slug=slug)
    await call(database, FLEET, soft_delete_organization, organization_id=made.id)

    for window, part in ((Window(), expected), (Window(2, 2), expected[2:4]), (Window(9, 2), [])):
        page = await call(database, FLEET, get_organization_page, window=window, search=search, deleted=deleted)
        assert (names(page.data), page.total) == (part, len(expected))
