"""Invitations over HTTP, as those see them who are invited: whoever holds the token of the mail."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.answers import changing, one, visiting
from fairlead.api.auth.visitors import OPEN, OWN, SCOPE, AnyVisitor, VisitorRoute, answer_signed_in
from fairlead.api.deps import PersonRoute, SignedIn
from fairlead.api.mounting import short_name
from fairlead.errors import Conflict, TokenInvalid, TooManyAttempts
from fairlead.services.invitations import accept_invitation, look_at_invitation, sign_up_by_invitation
from fairlead.services.passwords import refuse_weak
from fairlead.services.sessions import start_session
from fairlead.wire.auth import ShowToken, SignedInOut
from fairlead.wire.invitations import OfferOut, SignUpInvited
from fairlead.wire.page import Data

_open = APIRouter(
    prefix="/api/auth/invitations",
    tags=["invitations"],
    route_class=VisitorRoute,
    generate_unique_id_function=short_name,
)
_own = APIRouter(
    prefix="/api/auth/invitations",
    tags=["invitations"],
    route_class=PersonRoute,
    generate_unique_id_function=short_name,
)
ROUTERS: Final = (_open, _own)


@_open.post(
    "/look-up",
    name="look_at_invitation",
    response_model=Data[OfferOut],
    responses=visiting(TokenInvalid, TooManyAttempts),
    openapi_extra=OPEN,
)
async def look_up(visitor: AnyVisitor, body: ShowToken) -> Response:
    """Read what the token of an invitation offers, without using it. Scope: none."""
    await visitor.token_shown(body.token)
    async with visitor.unit_of_work() as session:
        offer = await look_at_invitation(session, SCOPE, token=body.token)
    return one(offer, OfferOut)


@_own.post(
    "/accept",
    name="accept_invitation",
    response_model=Data[OfferOut],
    responses=changing(TokenInvalid, Conflict, TooManyAttempts),
    openapi_extra=OWN,
)
async def accept(visitor: AnyVisitor, individual: SignedIn, body: ShowToken) -> Response:
    """Become a member: whoever is signed in has to have the address that was invited. Scope: none."""
    await visitor.token_shown(body.token)
    async with visitor.unit_of_work() as session:
        offer = await accept_invitation(
            session,
            SCOPE,
            token=body.token,
            user_id=individual.person.user_id,
            request_id=individual.request_id,
        )
    return one(offer, OfferOut)


@_open.post(
    "/sign-up",
    name="sign_up_by_invitation",
    response_model=Data[SignedInOut],
    responses=visiting(TokenInvalid, Conflict, TooManyAttempts),
    openapi_extra=OPEN,
)
async def sign_up(request: Request, visitor: AnyVisitor, body: SignUpInvited) -> Response:
    """Make an account with the address that was invited, become a member and begin a session. Scope: none."""
    await visitor.token_shown(body.token)
    async with visitor.unit_of_work() as session:
        offer = await look_at_invitation(session, SCOPE, token=body.token)
    refuse_weak(body.password, email=offer.email)
    secret_hash = await visitor.passwords.hashed(body.password)
    async with visitor.unit_of_work() as session:
        made = await sign_up_by_invitation(
            session,
            SCOPE,
            token=body.token,
            name=body.name,
            secret_hash=secret_hash,
            request_id=visitor.client.request_id,
        )
        started = await start_session(session, SCOPE, user_id=made.id, client=visitor.client)
    return answer_signed_in(request, started, as_cookie=body.cookie)
