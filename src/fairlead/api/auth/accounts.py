"""One's own account over HTTP."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import one, reading
from fairlead.api.auth.visitors import OWN, SCOPE, AnyVisitor
from fairlead.api.deps import PersonRoute, SignedIn
from fairlead.api.mounting import short_name
from fairlead.errors import Conflict, TooManyAttempts
from fairlead.queries.second_factors import find_sealed_factor
from fairlead.queries.users import get_user
from fairlead.services.verifications import request_by_mail
from fairlead.wire.auth import AccountOut, MailRequested, MeOut
from fairlead.wire.page import Data

router = APIRouter(prefix="/api/auth", tags=["auth"], route_class=PersonRoute, generate_unique_id_function=short_name)


@router.get("/me", name="read_me", response_model=Data[MeOut], responses=reading(), openapi_extra=OWN)
async def me(caller: SignedIn) -> Response:
    """Read who you are. Your organizations are at `/api/organizations`. Scope: none, of a session."""
    user_id = caller.person.user_id
    async with caller.resources.database.unit_of_work(SCOPE) as session:
        user = await get_user(session, SCOPE, user_id=user_id)
        factor = await find_sealed_factor(session, SCOPE, user_id=user_id)
    in_force = factor is not None and factor.confirmed_at is not None
    shown = MeOut(user=AccountOut.model_validate(user), second_factor=in_force, session_id=caller.person.session_id)
    return one(shown, MeOut)


@router.post(
    "/request-verification",
    name="request_verification",
    status_code=202,
    response_model=Data[MailRequested],
    responses=reading(Conflict, TooManyAttempts),
    openapi_extra=OWN,
)
async def request_verification(caller: SignedIn, visitor: AnyVisitor) -> Response:
    """Ask for a mail with which to show that your address is yours. Scope: none, of a session."""
    async with visitor.unit_of_work() as session:
        user = await get_user(session, SCOPE, user_id=caller.person.user_id)
    if user.email_verified:
        raise Conflict("Your address is verified already.")
    await visitor.mail_asked(email=user.email)
    async with visitor.unit_of_work() as session:
        await request_by_mail(session, SCOPE, purpose="verify_email", email=user.email)
    visitor.announce_mail()
    return one(MailRequested(email=user.email), MailRequested, status=202)
