"""Organizations: making tenants, changing and removing them.

A tenant may change its own organization, never make one or look at another. A soft-deleted organization is as good as
gone: its keys stop, and no worker takes its items.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypedDict, Unpack

from fairlead.db.rows import delete_row, insert_row, lock_row, restore_row, soft_delete_row, update_row
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, SystemScope, tenant
from fairlead.domain import limits
from fairlead.domain.ids import new_id
from fairlead.domain.names import slug_problem
from fairlead.engine.clear import forget
from fairlead.engine.reconcile import count_late
from fairlead.rows import Organization, Queue, User
from fairlead.schema.organizations import Organization as OrganizationTable
from fairlead.services import audit
from fairlead.services.checks import Check, named, ranged, refuse_fields
from fairlead.services.members import admit_member
from fairlead.services.queues import create_queue
from fairlead.services.users import create_user
from fairlead.services.versions import refuse_other_version


class OrganizationChanges(TypedDict, total=False):
    """The fields of an organization that can be changed; what is not given stays. A limit of None is none."""

    name: str
    slug: str
    weight: int
    max_queue_depth: int | None
    max_concurrency: int | None


class Founded(NamedTuple):
    """What a new organization starts with."""

    organization: Organization
    owner: User
    queue: Queue


def _slug_problem(value: Any) -> str | None:
    return slug_problem(value) if isinstance(value, str) else "must be text"


_CHECKS: Final[dict[str, Check]] = {
    "name": named,
    "slug": _slug_problem,
    "weight": ranged(1, limits.WEIGHT),
    "max_queue_depth": ranged(1, limits.QUEUE_DEPTH, optional=True),
    "max_concurrency": ranged(1, limits.ORGANIZATION_CONCURRENCY, optional=True),
}


async def create_organization(
    session: Session, scope: SystemScope, *, name: str, slug: str, actor: audit.Actor = audit.OPERATOR
) -> Organization:
    """Make an organization. Raises ValidationFailed, and Conflict when the slug is taken."""
    values = {"name": name, "slug": slug}
    refuse_fields(values, checks=_CHECKS)
    made = await insert_row(session, scope, OrganizationTable, values={"id": new_id(), **values}, model=Organization)
    await _record(session, scope, actor=actor, action="organization.created", after=made)
    return made


async def found_organization(
    session: Session,
    scope: SystemScope,
    *,
    name: str,
    slug: str,
    owner_email: str,
    owner_name: str,
    queue_name: str = "default",
    actor: audit.Actor = audit.OPERATOR,
) -> Founded:
    """Make an organization with its owner, in the owner's role, and its first queue, all or nothing.

    Raises as `create_organization`, `create_user` and `create_queue` do.
    """
    async with session.savepoint():
        organization = await create_organization(session, scope, name=name, slug=slug, actor=actor)
        own = tenant(organization.id)
        owner = await create_user(session, own, email=owner_email, name=owner_name, role="owner", actor=actor)
        queue = await create_queue(session, own, name=queue_name, created_by=owner.id, actor=actor)
    return Founded(organization, owner, queue)


async def found_organization_for(
    session: Session,
    scope: SystemScope,
    *,
    name: str,
    slug: str,
    user_id: str,
    queue_name: str = "default",
    actor: audit.Actor = audit.OPERATOR,
) -> Organization:
    """Make an organization that a user owns, who stays at home where they are, and its first queue, all or nothing.

    Raises as `create_organization` and `create_queue` do, and NotFound for an unknown user.
    """
    async with session.savepoint():
        made = await create_organization(session, scope, name=name, slug=slug, actor=actor)
        await admit_member(session, scope, organization_id=made.id, user_id=user_id, role_id="owner", actor=actor)
        await create_queue(session, tenant(made.id), name=queue_name, created_by=user_id, actor=actor)
    return made


async def update_organization(
    session: Session,
    scope: Scope,
    *,
    organization_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
    **changes: Unpack[OrganizationChanges],
) -> Organization:
    """Change the fields given, and only those; `expected` is the version that the caller saw.

    Raises ValidationFailed, NotFound, Conflict for a taken slug, and PreconditionFailed for another version.
    """
    refuse_fields(changes, checks=_CHECKS)
    key = {"id": organization_id}
    held = await lock_row(session, scope, OrganizationTable, key=key, model=Organization)
    refuse_other_version(held, expected=expected)
    before, after = await update_row(session, scope, OrganizationTable, key=key, values=changes, model=Organization)
    if after.max_concurrency is not None and before.max_concurrency is None:
        await count_late(session, scope)
    await _record(session, scope, actor=actor, action="organization.updated", before=before, after=after)
    return after


async def delete_organization(
    session: Session, scope: SystemScope, *, organization_id: str, actor: audit.Actor = audit.OPERATOR
) -> None:
    """Delete an organization for good with everything in it; only its audit trail stays. Raises NotFound.

    Users who were at home in it stay, without a home.
    """
    key = {"id": organization_id}
    gone = await delete_row(session, scope, OrganizationTable, key=key, model=Organization, deleted=True)
    await forget(session, scope, organization_id=organization_id)
    await _record(session, scope, actor=actor, action="organization.deleted", before=gone)


async def soft_delete_organization(
    session: Session,
    scope: Scope,
    *,
    organization_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> Organization:
    """Let an organization be as good as gone until restored.

    Raises NotFound, and PreconditionFailed for another version than the `expected`.
    """
    key = {"id": organization_id}
    held = await lock_row(session, scope, OrganizationTable, key=key, model=Organization)
    refuse_other_version(held, expected=expected)
    before, after = await soft_delete_row(session, scope, OrganizationTable, key=key, model=Organization)
    await _record(session, scope, actor=actor, action="organization.soft_deleted", before=before, after=after)
    return after


async def restore_organization(
    session: Session, scope: SystemScope, *, organization_id: str, actor: audit.Actor = audit.OPERATOR
) -> Organization:
    """Bring a soft-deleted organization back. Raises NotFound, and Conflict when its slug is taken now."""
    key = {"id": organization_id}
    before, after = await restore_row(session, scope, OrganizationTable, key=key, model=Organization)
    await _record(session, scope, actor=actor, action="organization.restored", before=before, after=after)
    return after


async def _record(
    session: Session,
    scope: Scope,
    *,
    actor: audit.Actor,
    action: str,
    before: Organization | None = None,
    after: Organization | None = None,
) -> None:
    await audit.record_change(
        session, scope, actor=actor, action=action, kind="organization", before=before, after=after
    )
