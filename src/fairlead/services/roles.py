"""Roles: an organization's own, made of the permissions of `domain/permissions.py`; the system's cannot be changed.

Nobody makes a role that may do more than they may themselves, or changes or removes one that already does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, TypedDict, Unpack

from fairlead.db.rows import delete_row, insert_row, lock_row, update_row
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import Permission
from fairlead.errors import Conflict, Forbidden, NotFound
from fairlead.queries.roles import get_role, is_offered
from fairlead.rows import Role
from fairlead.schema.roles import Role as RoleTable
from fairlead.services import audit
from fairlead.services.checks import Check, named, refuse_fields, text_problem
from fairlead.services.versions import refuse_other_version

_IN_USE: Final = "Somebody has this role, or is invited to it; give them another one first."


class RoleChanges(TypedDict, total=False):
    """The fields of a role that can be changed; what is not given stays."""

    name: str
    description: str | None
    permissions: Collection[str]


def _permissions_problem(value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Collection) or not all(isinstance(one, str) for one in value):
        return "must be a list of permissions"
    unknown = sorted(set(value) - set(Permission))
    return f"{', '.join(unknown)}: no such permission; there are {', '.join(Permission)}" if unknown else None


_CHECKS: Final[dict[str, Check]] = {"name": named, "description": text_problem, "permissions": _permissions_problem}


async def create_role(
    session: Session,
    scope: TenantScope,
    *,
    name: str,
    permissions: Collection[str],
    description: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> Role:
    """Make a role of the organization's own.

    Raises ValidationFailed, also for an unknown permission, Conflict when another role of the organization has that
    name, and Forbidden for a permission that the actor lacks.
    """
    values = _checked({"name": name, "description": description, "permissions": permissions})
    _refuse_more_than_ones_own(actor, values["permissions"])
    made = await insert_row(session, scope, RoleTable, values={"id": new_id(), **values}, model=Role)
    await audit.record_change(session, scope, actor=actor, action="role.created", kind="role", after=made)
    return made


async def update_role(
    session: Session,
    scope: TenantScope,
    *,
    role_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
    **changes: Unpack[RoleChanges],
) -> Role:
    """Change the fields given, and only those; whoever holds the role may do at once what it says.

    Raises ValidationFailed, NotFound, Conflict, Forbidden for a system role or one that may do more than the actor, and
    PreconditionFailed for another version than the `expected`.
    """
    values = _checked(changes)
    refuse_other_version(await _touchable(session, scope, role_id, actor), expected=expected)
    _refuse_more_than_ones_own(actor, values.get("permissions", ()))
    before, after = await update_row(session, scope, RoleTable, key={"id": role_id}, values=values, model=Role)
    await audit.record_change(
        session, scope, actor=actor, action="role.updated", kind="role", before=before, after=after
    )
    return after


async def delete_role(
    session: Session,
    scope: TenantScope,
    *,
    role_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> None:
    """Delete a role that no member holds and no invitation offers.

    Raises NotFound, Conflict while somebody has it, Forbidden for a system role or one that may do more than the actor,
    and PreconditionFailed for another version than the `expected`.
    """
    refuse_other_version(await _touchable(session, scope, role_id, actor), expected=expected)
    if await is_offered(session, scope, role_id=role_id):
        raise Conflict(_IN_USE)
    try:
        gone = await delete_row(session, scope, RoleTable, key={"id": role_id}, model=Role)
    except NotFound as error:  # the row is held, so this is a grant that an older snapshot cannot see
        raise Conflict(_IN_USE) from error
    await audit.record_change(session, scope, actor=actor, action="role.deleted", kind="role", before=gone)


async def _touchable(session: Session, scope: TenantScope, role_id: str, actor: audit.Actor) -> Role:
    """Return a role and hold it until the transaction ends; raises Forbidden for one that the actor may not touch."""
    if (role := await get_role(session, scope, role_id=role_id)).organization_id is None:
        raise Forbidden(f"'{role.name}' is a system role and stays as it is; make a role of your own instead.")
    held = await lock_row(session, scope, RoleTable, key={"id": role_id}, model=Role, alone=True)
    _refuse_more_than_ones_own(actor, held.permissions)
    return held


def _refuse_more_than_ones_own(actor: audit.Actor, permissions: Collection[str]) -> None:
    if lacking := actor.lacks(permissions):
        raise Forbidden(f"You cannot hand out '{lacking[0]}', which you may not do yourself.")


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    refuse_fields(given, checks=_CHECKS)
    values = dict(given)
    if "permissions" in values:
        values["permissions"] = sorted({str(permission) for permission in values["permissions"]})
    return values
