from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.statements import value_of

from fairlead.db.session import Database
from fairlead.db.tenancy import Scope, SystemScope, TenantScope, entering, system, tenant, within
from fairlead.domain.ids import is_id, new_id
from fairlead.errors import NotFound
from fairlead.schema import Base

TABLES = sorted((mapper.class_ for mapper in Base.registry.mappers), key=lambda table: str(table.__tablename__))
OWNED = [table for table in TABLES if table.row_security.column is not None]
NOBODYS = [table for table in TABLES if table.row_security.column is None]


def _condition(scope: Scope, table: type[Base], *, shared: bool = False) -> str:
    condition = within(scope, table, shared=shared)
    return str(condition.compile(compile_kwargs={"literal_binds": True}))


def test_a_scope_is_one_organizations() -> None:
    """The scope of an id is that organization's, with the application's role; two of one organization are equal."""
    organization_id = new_id()
    assert tenant(organization_id) == tenant(organization_id) == TenantScope(organization_id, "fairlead_app")
    assert tenant(organization_id) != tenant(new_id())


@given(st.text().filter(lambda text: not is_id(text)))
def test_what_is_no_id_has_no_scope(junk: str) -> None:
    """Nothing but an id makes a scope, so that none can smuggle SQL or an empty organization into a transaction."""
    with pytest.raises(NotFound):
        tenant(junk)


@pytest.mark.parametrize(
    "scope",
    [
        TenantScope("x' or true --"),
        TenantScope("*"),
        TenantScope(new_id(), role="postgres"),
        SystemScope("a reason", organization_id="'; drop table users; --"),
        SystemScope("a reason", role="fairlead_owner"),
    ],
)
def test_a_forged_scope_enters_nothing(scope: Scope) -> None:
    """A scope that was not made here is looked at again before its parts become SQL."""
    with pytest.raises(NotFound):
        entering(scope)


def test_an_organization_enters_with_its_role_and_itself() -> None:
    """The statements name the role and the organization for this transaction only; the fleet has no organization."""
    organization_id = new_id()
    own = f"set local role fairlead_app; set local fairlead.organization_id = '{organization_id}'"
    assert entering(tenant(organization_id)) == own
    assert entering(system("a test")) == "set local role fairlead_system; set local fairlead.organization_id = ''"


@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.__tablename__)
def test_an_organization_reaches_its_own_rows(table: type[Base]) -> None:
    """Within a tenant's scope are the rows whose organization it is, and nothing else."""
    organization_id = new_id()
    column = "id" if table.__tablename__ == "organizations" else "organization_id"
    assert _condition(tenant(organization_id), table) == f"{table.__tablename__}.{column} = '{organization_id}'"


@pytest.mark.parametrize("table", NOBODYS, ids=lambda table: table.__tablename__)
def test_an_organization_reaches_nothing_that_is_nobodys(table: type[Base]) -> None:
    """A table that belongs to no organization has no row for a tenant, to read neither."""
    scope = tenant(new_id())
    assert _condition(scope, table) == _condition(scope, table, shared=True) == "false"


def test_what_is_shared_may_be_read_and_not_written() -> None:
    """Shared rows are within reach only where it is asked for, and only a table that declares them has any."""
    organization_id = new_id()
    scope = tenant(organization_id)
    shared = {
        table.__tablename__: _condition(scope, table, shared=True)
        for table in OWNED
        if _condition(scope, table, shared=True) != _condition(scope, table)
    }
    assert shared == {"roles": f"roles.organization_id = '{organization_id}' OR roles.organization_id IS NULL"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__tablename__)
def test_the_fleet_reaches_everything(table: type[Base]) -> None:
    """A SystemScope crosses organizations, whatever the table."""
    assert _condition(FLEET, table) == _condition(FLEET, table, shared=True) == "true"


@pytest.mark.anyio
async def test_the_database_knows_whose_transaction_it_is(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Inside a unit of work the role and the organization are the scope's, and of the next one again the next's."""
    seen = []
    for scope in (ours.scope, FLEET, theirs.scope, ours.scope):
        async with database.unit_of_work(scope) as session:
            role = await value_of(session, "select current_role")
            seen.append((role, await value_of(session, "select current_setting('fairlead.organization_id')")))
            queues = (await session.execute(text("select id from queues"))).scalars().all()
            assert set(queues) == {owner.queue_id for owner in (ours, theirs) if scope in (FLEET, owner.scope)}, (
                "row security does not follow"
            )

    own, other = ("fairlead_app", ours.organization_id), ("fairlead_app", theirs.organization_id)
    assert seen == [own, ("fairlead_system", ""), other, own]
