"""Whose rows a transaction may touch, as values that only this module can make.

Every function of the engine, the queries and the services takes a scope right after the session. A `TenantScope`
comes from a credential that was checked, an item that was claimed, or an operator on the command line; a
`SystemScope` crosses organizations and is therefore visible in review. The scope decides the database role and the
organization that row-level security compares with, so that a forgotten filter above still shows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import ColumnElement, false, or_, true

from fairlead.domain.ids import is_id
from fairlead.errors import NotFound
from fairlead.schema.base import Base
from fairlead.schema.row_security import APP_ROLE, ORGANIZATION_SETTING, SYSTEM_ROLE


@dataclass(frozen=True, slots=True)
class TenantScope:
    """One organization's rows, as the application role."""

    organization_id: str
    role: str = APP_ROLE


@dataclass(frozen=True, slots=True)
class SystemScope:
    """Every organization's rows, as the system role; `reason` says in review and in logs what for."""

    reason: str
    organization_id: str = ""
    role: str = SYSTEM_ROLE


Scope: TypeAlias = TenantScope | SystemScope


def tenant(organization_id: str) -> TenantScope:
    """Make the scope of one organization, after somebody's right to it was checked.

    Raises NotFound for anything that cannot be an organization's id.
    """
    if not is_id(organization_id):
        raise NotFound
    return TenantScope(organization_id)


def system(reason: str) -> SystemScope:
    """Make the scope that crosses organizations."""
    return SystemScope(reason)


def within(scope: Scope, table: type[Base], *, shared: bool = False) -> ColumnElement[bool]:
    """Return the condition that a row of `table` is in `scope`; `shared` adds the rows that every tenant may read.

    This is the application's own check. Row-level security makes the same one again, beneath and by itself.
    """
    if isinstance(scope, SystemScope):
        return true()
    security = table.row_security
    if security.column is None:
        return false()
    own: ColumnElement[bool] = getattr(table, security.column) == scope.organization_id
    return or_(own, getattr(table, security.shared).is_(None)) if shared and security.shared else own


def entering(scope: Scope, *, local: bool = True) -> str:
    """Return the statements that put the present transaction into `scope`, or when not `local` the session.

    They are literals (`SET LOCAL`, which Citus passes on, takes no parameters), so both parts are checked here again.
    """
    if scope.role not in {APP_ROLE, SYSTEM_ROLE}:
        raise NotFound
    return f"{set_command(local=local)} role {scope.role}; {showing(scope, local=local)}"


def showing(scope: Scope, *, local: bool = True) -> str:
    """Return the statement that shows a role of its own, such as a reader, the rows of `scope` in this transaction."""
    if scope.organization_id and not is_id(scope.organization_id):
        raise NotFound
    return f"{set_command(local=local)} {ORGANIZATION_SETTING} = '{scope.organization_id}'"


def set_command(*, local: bool) -> str:
    """Return the command that sets something for the present transaction, or when not `local` for the session."""
    return "set local" if local else "set"
