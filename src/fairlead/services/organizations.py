"""Organizations: making tenants."""

from __future__ import annotations

from fairlead.db.rows import insert_row
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.ids import new_id
from fairlead.domain.names import name_problem, slug_problem
from fairlead.queries.organizations import Organization
from fairlead.schema.organizations import Organization as OrganizationTable
from fairlead.services import audit
from fairlead.services.checks import refuse


async def create_organization(
    session: Session, scope: SystemScope, *, name: str, slug: str, actor: audit.Actor = audit.OPERATOR
) -> Organization:
    """Make an organization. Raises ValidationFailed, and Conflict when the slug is taken."""
    refuse({"name": name_problem(name), "slug": slug_problem(slug)})
    values = {"id": new_id(), "name": name, "slug": slug}
    made = await insert_row(session, OrganizationTable, values=values, model=Organization)
    await audit.record(
        session,
        scope,
        actor=actor,
        action="organization.created",
        subject=audit.Subject(made.id, "organization", made.id),
        after={"name": name, "slug": slug},
    )
    return made
