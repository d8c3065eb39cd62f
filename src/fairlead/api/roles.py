"""Roles over HTTP: the system's, to be read, and an organization's own."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import changing, creating, one, page_of, reading
from fairlead.api.deps import Caller, PageWindow, RoleId, Search, TenantRoute, may
from fairlead.api.once import Once
from fairlead.api.versions import Expected
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.permissions import Permission
from fairlead.errors import Conflict, NotFound, PreconditionFailed
from fairlead.queries.roles import get_role, get_role_page
from fairlead.services.roles import create_role, delete_role, update_role
from fairlead.wire.page import Data, PageData
from fairlead.wire.roles import NewRole, RoleOut, UpdateRole

router = APIRouter(prefix="/roles", tags=["roles"], route_class=TenantRoute)
Reader = Annotated[Caller, may(Permission.MEMBERS_READ)]
Manager = Annotated[Caller, may(Permission.MEMBERS_MANAGE)]
_ROLE: Final = "/{roleId}"
_ONE: Final = Data[RoleOut]


@router.post("", name="create_role", status_code=201, response_model=_ONE, responses=creating(Conflict))
async def create(once: Once, caller: Manager, body: NewRole) -> Response:
    """Make a role of permissions that its maker has. Scope: `members:manage`."""

    async def work(session: Session, scope: TenantScope) -> Response:
        made = await create_role(session, scope, actor=caller.actor, **dict(body))
        return one(made, RoleOut, status=201, location=caller.at(f"/roles/{made.id}"))

    return await once.answer(caller, work)


@router.get("", name="list_roles", response_model=PageData[RoleOut], responses=reading())
async def read_page(caller: Reader, window: PageWindow, search: Search = "") -> Response:
    """List the roles that can be given here, own ones first. Scope: `members:read`."""
    async with caller.unit_of_work() as (session, scope):
        page = await get_role_page(session, scope, window=window, search=search)
    return page_of(page, RoleOut)


@router.get(_ROLE, name="read_role", response_model=_ONE, responses=reading(NotFound))
async def read_one(caller: Reader, role_id: RoleId) -> Response:
    """Read a role. Scope: `members:read`."""
    async with caller.unit_of_work() as (session, scope):
        role = await get_role(session, scope, role_id=role_id)
    return one(role, RoleOut)


@router.patch(
    _ROLE, name="update_role", response_model=_ONE, responses=changing(NotFound, Conflict, PreconditionFailed)
)
async def update(caller: Manager, role_id: RoleId, expected: Expected, body: UpdateRole) -> Response:
    """Change the fields given; whoever has the role may do at once what it says. Scope: `members:manage`."""
    async with caller.unit_of_work() as (session, scope):
        role = await update_role(session, scope, role_id=role_id, expected=expected, actor=caller.actor, **body.given)
    return one(role, RoleOut)


@router.delete(_ROLE, name="delete_role", status_code=204, responses=reading(NotFound, Conflict, PreconditionFailed))
async def delete(caller: Manager, role_id: RoleId, expected: Expected) -> Response:
    """Delete a role that nobody has or is invited to. Scope: `members:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await delete_role(session, scope, role_id=role_id, expected=expected, actor=caller.actor)
    return Response(status_code=204)
