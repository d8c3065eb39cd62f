"""Members over HTTP: who belongs to an organization, and in which roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import changing, one, page_of, reading, versioned
from fairlead.api.deps import Caller, Oneself, PageWindow, Search, TenantRoute, UserId, may
from fairlead.api.versions import Expected
from fairlead.db.tenancy import system
from fairlead.domain.permissions import Permission
from fairlead.errors import Conflict, LastOwner, NotFound, PreconditionFailed
from fairlead.queries.members import Member, get_member, get_member_page, roles_by_member
from fairlead.queries.page import Page
from fairlead.rows import Role
from fairlead.services.members import remove_member, set_roles, version_of_roles
from fairlead.wire.members import MemberOut, MemberRoles
from fairlead.wire.page import Data, PageData

router = APIRouter(prefix="/members", tags=["members"], route_class=TenantRoute)
own = APIRouter(prefix="/members", tags=["members"], route_class=TenantRoute)  # what no key can do
Reader = Annotated[Caller, may(Permission.MEMBERS_READ)]
Manager = Annotated[Caller, may(Permission.MEMBERS_MANAGE)]
_MEMBER: Final = "/{userId}"
_SCOPE: Final = system("tell who the members of an organization are")


@router.get("", name="list_members", response_model=PageData[MemberOut], responses=reading())
async def read_page(caller: Reader, window: PageWindow, search: Search = "") -> Response:
    """List the members, newest first; `search` is in the name or the address. Scope: `members:read`."""
    organization_id = caller.principal.organization_id
    async with caller.resources.database.unit_of_work(_SCOPE) as session:
        page = await get_member_page(session, _SCOPE, organization_id=organization_id, window=window, search=search)
    shown = await _with_roles(caller, page.data)
    return page_of(Page(tuple(shown), page.page, page.limit, page.total), MemberOut)


@router.get(_MEMBER, name="read_member", response_model=Data[MemberOut], responses=versioned(reading(NotFound)))
async def read_one(caller: Reader, user_id: UserId) -> Response:
    """Read a member. Scope: `members:read`."""
    return _answered(await _shown(caller, user_id))


@router.put(
    _MEMBER,
    name="set_member_roles",
    response_model=Data[MemberOut],
    responses=versioned(changing(NotFound, Conflict, LastOwner, PreconditionFailed)),
)
async def put(caller: Manager, user_id: UserId, expected: Expected, body: MemberRoles) -> Response:
    """Let a member, or somebody at home here, have these roles and no others. Scope: `members:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await set_roles(session, scope, user_id=user_id, role_ids=body.roles, expected=expected, actor=caller.actor)
    return _answered(await _shown(caller, user_id))


@router.delete(
    _MEMBER, name="remove_member", status_code=204, responses=reading(NotFound, LastOwner, PreconditionFailed)
)
async def remove(caller: Manager, user_id: UserId, expected: Expected) -> Response:
    """Take every role from a member, whose keys stop with that; the account stays. Scope: `members:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await remove_member(session, scope, user_id=user_id, expected=expected, actor=caller.actor)
    return Response(status_code=204)


@own.delete(
    "/me",
    name="leave_organization",
    status_code=204,
    responses=reading(NotFound, LastOwner, PreconditionFailed),
    openapi_extra={"security": [{"session": []}, {"cookie": []}]},
)
async def leave(caller: Oneself, expected: Expected) -> Response:
    """Leave the organization: one's roles and open invitations end, one's keys stop, the account stays. Scope: none.

    Its last owner cannot.
    """
    own_id = caller.principal.user_id
    async with caller.unit_of_work() as (session, scope):
        await remove_member(session, scope, user_id=own_id, expected=expected, actor=caller.actor)
    return Response(status_code=204)


def _answered(shown: Mapping[str, Any]) -> Response:
    return one(shown, MemberOut, version=version_of_roles(shown["roles"]))


async def _shown(caller: Caller, user_id: str) -> Mapping[str, Any]:
    """Return a member as they are shown; raises NotFound for who is none."""
    organization_id = caller.principal.organization_id
    async with caller.resources.database.unit_of_work(_SCOPE) as session:
        member = await get_member(session, _SCOPE, organization_id=organization_id, user_id=user_id)
    shown = await _with_roles(caller, [member])
    if not shown:
        raise NotFound
    return shown[0]


async def _with_roles(caller: Caller, members: Iterable[Member]) -> Sequence[Mapping[str, Any]]:
    """Return members with their roles; who has none in the caller's own scope is left out."""
    found = {member.id: member for member in members}
    async with caller.unit_of_work() as (session, scope):
        roles: Mapping[str, Sequence[Role]] = await roles_by_member(session, scope, user_ids=found)
    return [{**asdict(member), "roles": roles[id_]} for id_, member in found.items() if id_ in roles]
