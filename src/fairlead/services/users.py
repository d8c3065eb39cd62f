"""Users: making people members of an organization."""

from __future__ import annotations

from fairlead.db.rows import add_row, insert_row
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.ids import new_id
from fairlead.domain.names import canonical_email, email_problem, name_problem
from fairlead.domain.permissions import SYSTEM_ROLES
from fairlead.queries.organizations import get_organization
from fairlead.queries.users import User
from fairlead.schema.user_roles import UserRole
from fairlead.schema.users import User as UserTable
from fairlead.services import audit
from fairlead.services.checks import refuse


async def create_user(
    session: Session,
    scope: SystemScope,
    *,
    email: str,
    name: str,
    organization_id: str,
    role: str,
    actor: audit.Actor = audit.OPERATOR,
) -> User:
    """Make a user, at home in an organization and a member of it in one of the system roles.

    Raises ValidationFailed, NotFound for an unknown organization, and Conflict when the address is taken.
    """
    address = canonical_email(email)
    known_roles = None if role in SYSTEM_ROLES else f"must be one of {', '.join(SYSTEM_ROLES)}"
    refuse({"email": email_problem(address), "name": name_problem(name), "role": known_roles})
    await get_organization(session, scope, organization_id=organization_id)
    values = {"id": new_id(), "email": address, "name": name, "organization_id": organization_id}
    made = await insert_row(session, UserTable, values=values, model=User)
    membership = {"organization_id": organization_id, "user_id": made.id, "role_id": role}
    await add_row(session, UserRole, values=membership)
    await audit.record(
        session,
        scope,
        actor=actor,
        action="user.created",
        subject=audit.Subject(organization_id, "user", made.id),
        after={"email": address, "name": name, "role": role},
    )
    return made
