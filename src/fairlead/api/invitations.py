"""Invitations over HTTP, as those see them who invite."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import creating, one, page_of, reading
from fairlead.api.deps import Caller, InvitationId, PageWindow, TenantRoute, may
from fairlead.api.once import Once
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope, system
from fairlead.domain.permissions import Permission
from fairlead.errors import Conflict, NotFound
from fairlead.queries.invitations import InvitationState, get_invitation, get_invitation_page
from fairlead.services.invitations import create_invitation, revoke_invitation
from fairlead.services.mails import MAIL_QUEUE
from fairlead.wire.invitations import InvitationOut, NewInvitation
from fairlead.wire.page import Data, PageData

router = APIRouter(prefix="/invitations", tags=["invitations"], route_class=TenantRoute)
Reader = Annotated[Caller, may(Permission.MEMBERS_READ)]
Manager = Annotated[Caller, may(Permission.MEMBERS_MANAGE)]
_INVITATION: Final = "/{invitationId}"
_ONE: Final = Data[InvitationOut]
_SCOPE: Final = system("invite somebody, by a mail")


@router.post("", name="create_invitation", status_code=201, response_model=_ONE, responses=creating())
async def create(once: Once, caller: Manager, body: NewInvitation) -> Response:
    """Invite an address to a role, by a mail; it replaces open ones to that address. Scope: `members:manage`."""
    who = caller.principal

    async def work(session: Session, _scope: TenantScope) -> Response:
        made = await create_invitation(
            session,
            _SCOPE,
            organization_id=who.organization_id,
            email=body.email,
            role_id=body.role_id,
            invited_by=who.user_id,
            actor=caller.actor,
        )
        return one(made, InvitationOut, status=201, location=caller.at(f"/invitations/{made.id}"))

    answered = await once.answer(caller, work, above=_SCOPE)
    caller.resources.notifier.announce(MAIL_QUEUE)
    return answered


@router.get("", name="list_invitations", response_model=PageData[InvitationOut], responses=reading())
async def read_page(caller: Reader, window: PageWindow, state: InvitationState | None = None) -> Response:
    """List the invitations, newest first. Scope: `members:read`."""
    async with caller.unit_of_work() as (session, scope):
        page = await get_invitation_page(session, scope, window=window, state=state)
    return page_of(page, InvitationOut)


@router.get(_INVITATION, name="read_invitation", response_model=_ONE, responses=reading(NotFound))
async def read_one(caller: Reader, invitation_id: InvitationId) -> Response:
    """Read an invitation. Scope: `members:read`."""
    async with caller.unit_of_work() as (session, scope):
        found = await get_invitation(session, scope, invitation_id=invitation_id)
    return one(found, InvitationOut)


@router.post(
    _INVITATION + "/revoke", name="revoke_invitation", response_model=_ONE, responses=reading(NotFound, Conflict)
)
async def revoke(caller: Manager, invitation_id: InvitationId) -> Response:
    """Take an invitation back at once. Scope: `members:manage`."""
    async with caller.unit_of_work() as (session, scope):
        after = await revoke_invitation(session, scope, invitation_id=invitation_id, actor=caller.actor)
    return one(after, InvitationOut)
