"""Signing in and out over HTTP."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.answers import reading, visiting
from fairlead.api.auth.visitors import OPEN, OWN, SCOPE, AnyVisitor, VisitorRoute, answer_signed_in
from fairlead.api.cookies import drop_token
from fairlead.api.deps import PersonRoute, SignedIn
from fairlead.api.mounting import short_name
from fairlead.errors import SecondFactorNeeded, TokenInvalid, TooManyAttempts, WrongCredentials
from fairlead.services.sessions import end_session
from fairlead.services.sign_ins import Challenge, answer_challenge, begin_code, begin_sign_in, finish_sign_in
from fairlead.wire.auth import SignedInOut, SignIn, SignInCode
from fairlead.wire.page import Data

_open = APIRouter(prefix="/api/auth", tags=["auth"], route_class=VisitorRoute, generate_unique_id_function=short_name)
_own = APIRouter(prefix="/api/auth", tags=["auth"], route_class=PersonRoute, generate_unique_id_function=short_name)
ROUTERS: Final = (_open, _own)


@_open.post(
    "/sign-in",
    name="sign_in",
    response_model=Data[SignedInOut],
    responses=visiting(WrongCredentials, SecondFactorNeeded, TooManyAttempts),
    openapi_extra=OPEN,
)
async def sign_in(request: Request, visitor: AnyVisitor, body: SignIn) -> Response:
    """Begin a session. Where a second factor is needed the error's `details.challenge` is what to send. Scope: none."""
    async with visitor.unit_of_work() as session:
        attempt = await begin_sign_in(session, SCOPE, email=body.email, client=visitor.client)
    checked = await visitor.passwords.check(body.password, against=attempt.account.secret_hash)
    async with visitor.unit_of_work() as session:
        begun = await finish_sign_in(session, SCOPE, attempt=attempt, checked=checked, client=visitor.client)
    if isinstance(begun, Challenge):
        raise SecondFactorNeeded(details={"challenge": begun.token})
    return answer_signed_in(request, begun, as_cookie=body.cookie)


@_open.post(
    "/sign-in/code",
    name="sign_in_with_code",
    response_model=Data[SignedInOut],
    responses=visiting(WrongCredentials, TokenInvalid, TooManyAttempts),
    openapi_extra=OPEN,
)
async def sign_in_with_code(request: Request, visitor: AnyVisitor, body: SignInCode) -> Response:
    """Begin a session with the code of a second factor. The challenge is good for five minutes. Scope: none."""
    async with visitor.unit_of_work() as session:
        attempt = await begin_code(session, SCOPE, challenge=body.challenge, client=visitor.client)
    async with visitor.unit_of_work() as session:
        started = await answer_challenge(
            session,
            SCOPE,
            attempt=attempt,
            challenge=body.challenge,
            code=body.code,
            pepper=visitor.resources.pepper,
            client=visitor.client,
        )
    return answer_signed_in(request, started, as_cookie=body.cookie)


@_own.post("/sign-out", name="sign_out", status_code=204, responses=reading(), openapi_extra=OWN)
async def sign_out(request: Request, caller: SignedIn) -> Response:
    """End the session that asks. Scope: none, of a session."""
    async with caller.resources.database.unit_of_work(SCOPE) as session:
        person = caller.person
        await end_session(session, SCOPE, user_id=person.user_id, session_id=person.session_id, actor=caller.actor)
    response = Response(status_code=204)
    drop_token(request, response)
    return response
