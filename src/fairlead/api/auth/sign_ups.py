"""Signing up over HTTP, and showing that an address is one's own."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import one, visiting
from fairlead.api.auth.visitors import OPEN, SCOPE, AnyVisitor, VisitorRoute
from fairlead.api.mounting import short_name
from fairlead.errors import Conflict, TokenInvalid, TooManyAttempts
from fairlead.services.passwords import refuse_weak
from fairlead.services.sign_ups import complete_sign_up, request_sign_up
from fairlead.services.verifications import use_token, verify_address
from fairlead.wire.auth import MailRequested, ShowToken, SignUp, VerifiedOut
from fairlead.wire.page import Data

router = APIRouter(prefix="/api/auth", tags=["auth"], route_class=VisitorRoute, generate_unique_id_function=short_name)


@router.post(
    "/sign-up",
    name="sign_up",
    status_code=202,
    response_model=Data[MailRequested],
    responses=visiting(TooManyAttempts),
    openapi_extra=OPEN,
)
async def sign_up(visitor: AnyVisitor, body: SignUp) -> Response:
    """Ask for an organization of your own. A mail brings the token that makes it; see `verify`. Scope: none.

    The answer is the same whether the address has an account or not.
    """
    refuse_weak(body.password, email=body.email)
    await visitor.mail_asked(email=body.email)
    secret_hash = await visitor.passwords.hashed(body.password)
    async with visitor.unit_of_work() as session:
        await request_sign_up(
            session,
            SCOPE,
            email=body.email,
            name=body.name,
            organization_name=body.organization,
            secret_hash=secret_hash,
        )
    visitor.announce_mail()
    return one(MailRequested(email=body.email), MailRequested, status=202)


@router.post(
    "/verify",
    name="verify",
    response_model=Data[VerifiedOut],
    responses=visiting(TokenInvalid, Conflict, TooManyAttempts),
    openapi_extra=OPEN,
)
async def verify(visitor: AnyVisitor, body: ShowToken) -> Response:
    """Show the token of a mail: of a sign-up it makes the organization, its owner and a first queue. Scope: none."""
    await visitor.token_shown(body.token)
    async with visitor.unit_of_work() as session:
        shown = await use_token(session, SCOPE, token=body.token, purposes={"sign_up", "verify_email"})
        if shown.purpose == "sign_up":
            founded = await complete_sign_up(session, SCOPE, shown=shown, actor=visitor.actor)
            made = {"user": founded.owner, "organization": founded.organization, "queue": founded.queue}
        else:
            made = {
                "user": await verify_address(
                    session, SCOPE, user_id=shown.user_id or "", email=shown.email, actor=visitor.actor
                )
            }
    return one(VerifiedOut.model_validate(made), VerifiedOut)
