"""Members: who has which role in an organization.

An organization that has an owner never loses its last one, whatever happens at the same moment: everything that could
take an owner away goes through `keeping_an_owner`, which lets one such change at a time into an organization. Nobody
gives, or takes away, a role that may do more than they may themselves, not by way of the user who has it either.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager

from fairlead.db.rows import add_rows, delete_row, lock_row
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, SystemScope, TenantScope, tenant
from fairlead.db.turn import take_turn
from fairlead.domain.permissions import Permission
from fairlead.domain.versions import version_by
from fairlead.errors import Forbidden, LastOwner, NotFound, TransactionConflict, ValidationFailed
from fairlead.queries.roles import get_role, has_owner, organizations_owned, roles_of
from fairlead.queries.users import find_user_ids, get_user
from fairlead.rows import Role, User, UserRole
from fairlead.schema.user_roles import UserRole as UserRoleTable
from fairlead.schema.users import User as UserTable
from fairlead.services import audit
from fairlead.services.offers import end_offers
from fairlead.services.versions import refuse_other


@asynccontextmanager
async def keeping_an_owner(session: Session, scope: Scope, *, user_id: str) -> AsyncIterator[None]:
    """Raise LastOwner when the block, which takes something from a user, took an organization's last owner away.

    It waits for every other such block in the same organization to be committed, and sees what that left. In a
    SystemScope every organization that the user owns is looked after. A block that raises is undone, so that nobody
    can catch the error and commit what it was about.
    """
    own = [scope] if isinstance(scope, TenantScope) else await _owned_by(session, scope, user_id)
    for organization in own:
        await take_turn(session, organization)
    if isinstance(scope, SystemScope):
        await _hold_owner(session, scope, user_id, of=own)
    had_one = [organization for organization in own if await has_owner(session, organization)]
    async with session.savepoint():
        yield
        for organization in had_one:
            if not await has_owner(session, organization):
                raise LastOwner


async def refuse_mightier(session: Session, scope: Scope, *, user_id: str, actor: audit.Actor) -> None:
    """Raise Forbidden for a user whose roles may do more than the actor."""
    if actor.lacks(Permission):
        for role in await roles_of(session, scope, user_id=user_id, deleted=True):
            refuse_mightier_role(role, actor=actor)


def refuse_mightier_role(role: Role, *, actor: audit.Actor) -> None:
    """Raise Forbidden for a role that may do more than the actor."""
    if lacking := actor.lacks(role.permissions):
        raise Forbidden(f"The role '{role.name}' may do '{lacking[0]}', which you may not.")


async def grant_role(
    session: Session, scope: TenantScope, *, user_id: str, role_id: str, actor: audit.Actor = audit.OPERATOR
) -> None:
    """Give a user of this organization, or a member from elsewhere, a role.

    Raises NotFound for an unknown user or role, Conflict when the user has it, and Forbidden for a role that may do
    more than the actor.
    """
    await _require_known(session, scope, user_id)
    role = await get_role(session, scope, role_id=role_id)
    await _grant(session, scope, [user_id], role, actor)


async def grant_role_to_all(
    session: Session,
    scope: TenantScope,
    *,
    user_ids: Collection[str],
    role_id: str,
    actor: audit.Actor = audit.OPERATOR,
) -> None:
    """Give a role to users of this organization, all or none. Raises as `grant_role` does."""
    role = await get_role(session, scope, role_id=role_id)
    if set(user_ids) - await find_user_ids(session, scope, user_ids=user_ids):
        raise NotFound
    await _grant(session, scope, list(user_ids), role, actor)


async def revoke_role(
    session: Session, scope: TenantScope, *, user_id: str, role_id: str, actor: audit.Actor = audit.OPERATOR
) -> None:
    """Take a role from a member; who has none left is no member any more.

    Raises NotFound when the member does not have it, LastOwner, and Forbidden for a role that may do more than the
    actor.
    """
    role = await get_role(session, scope, role_id=role_id)
    async with keeping_an_owner(session, scope, user_id=user_id):
        await _revoke(session, scope, user_id, role, actor)


async def set_roles(
    session: Session,
    scope: TenantScope,
    *,
    user_id: str,
    role_ids: Collection[str],
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> list[Role]:
    """Let a user have these roles and no others; none at all takes the user out of the organization.

    `expected` is the version that the caller saw. Raises as `grant_role` and `revoke_role` do, but ValidationFailed for
    an unknown role, and PreconditionFailed for another version.
    """
    await _require_known(session, scope, user_id)
    wanted = await _wanted(session, scope, role_ids)
    async with keeping_an_owner(session, scope, user_id=user_id):
        present = {role.id: role for role in await roles_of(session, scope, user_id=user_id)}
        refuse_other(version_of_roles(present.values()), expected=expected)
        for role_id in sorted(wanted.keys() - present.keys()):
            await _grant(session, scope, [user_id], wanted[role_id], actor)
        for role_id in sorted(present.keys() - wanted.keys()):
            await _revoke(session, scope, user_id, present[role_id], actor)
    return list(wanted.values())


async def _wanted(session: Session, scope: TenantScope, role_ids: Collection[str]) -> dict[str, Role]:
    try:
        return {role_id: await get_role(session, scope, role_id=role_id) for role_id in sorted(set(role_ids))}
    except NotFound as error:
        sentence = "must be system roles, or the ids of roles of this organization"
        raise ValidationFailed(details={"roles": sentence}) from error


def version_of_roles(roles: Iterable[Role]) -> str:
    """Return the version of a member: which roles they have, whatever those allow."""
    return version_by(sorted(role.id for role in roles))


async def admit_member(
    session: Session, scope: SystemScope, *, organization_id: str, user_id: str, role_id: str, actor: audit.Actor
) -> None:
    """Give a role to somebody who wants it, wherever they are at home; whether they may have it was decided before.

    Raises NotFound for an unknown user, organization or role, and Conflict when the user has it.
    """
    await get_user(session, scope, user_id=user_id)
    own = tenant(organization_id)
    await _give(session, own, [user_id], await get_role(session, own, role_id=role_id), actor)


async def remove_member(
    session: Session,
    scope: TenantScope,
    *,
    user_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> None:
    """Take every role from a member, and back what they offered to others; the user stays.

    Raises NotFound, LastOwner and Forbidden as `revoke_role`, and PreconditionFailed for another version than the
    `expected`.
    """
    async with keeping_an_owner(session, scope, user_id=user_id):
        roles = await roles_of(session, scope, user_id=user_id)
        if not roles:
            raise NotFound
        refuse_other(version_of_roles(roles), expected=expected)
        for role in roles:
            await _revoke(session, scope, user_id, role, actor)
        await end_offers(session, scope, invited_by=user_id, actor=actor)


async def _owned_by(session: Session, scope: SystemScope, user_id: str) -> list[TenantScope]:
    return [tenant(organization_id) for organization_id in await organizations_owned(session, scope, user_id=user_id)]


async def _hold_owner(session: Session, scope: SystemScope, user_id: str, *, of: list[TenantScope]) -> None:
    """Keep the user from being made an owner; raise NotFound, and TransactionConflict when that has just happened."""
    await lock_row(session, scope, UserTable, key={"id": user_id}, model=User, deleted=True, alone=True)
    if await _owned_by(session, scope, user_id) != of:
        raise TransactionConflict


async def _require_known(session: Session, scope: TenantScope, user_id: str) -> None:
    """Raise NotFound for who is neither at home here nor a member; a member from elsewhere cannot be seen from here."""
    if not await roles_of(session, scope, user_id=user_id):
        await get_user(session, scope, user_id=user_id)


async def _grant(session: Session, scope: TenantScope, user_ids: Sequence[str], role: Role, actor: audit.Actor) -> None:
    refuse_mightier_role(role, actor=actor)
    await _give(session, scope, user_ids, role, actor)


async def _give(session: Session, scope: TenantScope, user_ids: Sequence[str], role: Role, actor: audit.Actor) -> None:
    held = {"role_id": role.id, "role_scope": role.organization_id or "*"}
    await add_rows(session, scope, UserRoleTable, rows=[{"user_id": user_id, **held} for user_id in user_ids])
    events = [
        audit.Event("member.role_granted", audit.Subject("member", user_id), after=_named(role)) for user_id in user_ids
    ]
    await audit.record(session, scope, actor=actor, events=events)


async def _revoke(session: Session, scope: TenantScope, user_id: str, role: Role, actor: audit.Actor) -> None:
    refuse_mightier_role(role, actor=actor)
    key = {"user_id": user_id, "role_id": role.id}
    await delete_row(session, scope, UserRoleTable, key=key, model=UserRole)
    event = audit.Event("member.role_revoked", audit.Subject("member", user_id), before=_named(role))
    await audit.record(session, scope, actor=actor, events=[event])


def _named(role: Role) -> dict[str, str]:
    return {"role": role.id, "name": role.name}
