"""Users over HTTP: people who are at home in an organization, members or not.

An account is its person's: they alone change its address, and nobody here deletes it. Others join by an invitation.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from fairlead.api.answers import changing, one, page_of, reading
from fairlead.api.deps import Caller, PageWindow, Search, TenantRoute, UserId, may
from fairlead.api.versions import Expected
from fairlead.domain.permissions import Permission
from fairlead.errors import NotFound, PreconditionFailed
from fairlead.queries.users import get_user, get_user_page
from fairlead.services.users import update_user
from fairlead.wire.members import UpdateUser, UserOut
from fairlead.wire.page import Data, PageData

router = APIRouter(prefix="/users", tags=["users"], route_class=TenantRoute)
Reader = Annotated[Caller, may(Permission.MEMBERS_READ)]
Manager = Annotated[Caller, may(Permission.MEMBERS_MANAGE)]
_USER: Final = "/{userId}"


@router.get("", name="list_users", response_model=PageData[UserOut], responses=reading())
async def read_page(
    caller: Reader,
    window: PageWindow,
    *,
    search: Search = "",
    email_verified: Annotated[bool | None, Query(alias="emailVerified")] = None,
    role_id: Annotated[str | None, Query(alias="roleId", description="Who has this role here.")] = None,
) -> Response:
    """List who is at home here, newest first; `search` is in the name or the address. Scope: `members:read`."""
    async with caller.unit_of_work() as (session, scope):
        page = await get_user_page(
            session, scope, window=window, search=search, email_verified=email_verified, role_id=role_id
        )
    return page_of(page, UserOut)


@router.get(_USER, name="read_user", response_model=Data[UserOut], responses=reading(NotFound))
async def read_one(caller: Reader, user_id: UserId) -> Response:
    """Read somebody who is at home here. Scope: `members:read`."""
    async with caller.unit_of_work() as (session, scope):
        user = await get_user(session, scope, user_id=user_id)
    return one(user, UserOut)


@router.patch(_USER, name="update_user", response_model=Data[UserOut], responses=changing(NotFound, PreconditionFailed))
async def update(caller: Manager, user_id: UserId, expected: Expected, body: UpdateUser) -> Response:
    """Change what somebody is called or shown with. Scope: `members:manage`."""
    async with caller.unit_of_work() as (session, scope):
        user = await update_user(session, scope, user_id=user_id, expected=expected, actor=caller.actor, **body.given)
    return one(user, UserOut)
