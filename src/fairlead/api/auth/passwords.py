"""Passwords over HTTP: changing one's own, and choosing a new one by mail."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.answers import changing, one, visiting
from fairlead.api.auth.visitors import (
    OPEN,
    OWN,
    SCOPE,
    AnyVisitor,
    VisitorRoute,
    answer_signed_in,
    shows_cookie,
)
from fairlead.api.deps import PersonRoute, SignedIn
from fairlead.api.mounting import short_name
from fairlead.errors import TokenInvalid, TooManyAttempts, WrongCredentials
from fairlead.services.credential_changes import change_password, reset_password
from fairlead.services.passwords import refuse_weak
from fairlead.services.sign_ins import confirm
from fairlead.services.verifications import look_at_token, request_by_mail
from fairlead.wire.auth import ChangePassword, MailRequested, RequestReset, ResetPassword, SignedInOut
from fairlead.wire.page import Data

_open = APIRouter(prefix="/api/auth", tags=["auth"], route_class=VisitorRoute, generate_unique_id_function=short_name)
_own = APIRouter(prefix="/api/auth", tags=["auth"], route_class=PersonRoute, generate_unique_id_function=short_name)
ROUTERS: Final = (_open, _own)


@_own.post(
    "/change-password",
    name="change_password",
    response_model=Data[SignedInOut],
    responses=changing(WrongCredentials, TooManyAttempts),
    openapi_extra=OWN,
)
async def change(request: Request, caller: SignedIn, visitor: AnyVisitor, body: ChangePassword) -> Response:
    """Change your password. Every session ends, and a new one begins for you. Scope: none, of a session."""
    attempt, checked = await visitor.password_checked(caller.person, password=body.current_password)
    if checked.right:
        refuse_weak(body.new_password, email=attempt.account.email, field="new_password")
    secret_hash = await visitor.passwords.hashed(body.new_password) if checked.right else ""
    async with visitor.unit_of_work() as session:
        await confirm(session, SCOPE, attempt=attempt, checked=checked)
        started = await change_password(
            session, SCOPE, person=caller.person, secret_hash=secret_hash, client=visitor.client
        )
    return answer_signed_in(request, started, as_cookie=shows_cookie(request))


@_open.post(
    "/request-reset",
    name="request_reset",
    status_code=202,
    response_model=Data[MailRequested],
    responses=visiting(TooManyAttempts),
    openapi_extra=OPEN,
)
async def request_reset(visitor: AnyVisitor, body: RequestReset) -> Response:
    """Ask for a mail with which to choose a new password. Scope: none.

    The answer is the same whether the address has an account or not.
    """
    await visitor.mail_asked(email=body.email)
    async with visitor.unit_of_work() as session:
        await request_by_mail(session, SCOPE, purpose="reset_password", email=body.email)
    visitor.announce_mail()
    return one(MailRequested(email=body.email), MailRequested, status=202)


@_open.post(
    "/reset",
    name="reset_password",
    status_code=204,
    responses=visiting(TokenInvalid, TooManyAttempts),
    openapi_extra=OPEN,
)
async def reset(visitor: AnyVisitor, body: ResetPassword) -> Response:
    """Choose a new password with the token of a mail. Every session ends; sign in with it. Scope: none."""
    await visitor.token_shown(body.token)
    async with visitor.unit_of_work() as session:
        shown = await look_at_token(session, SCOPE, token=body.token, purposes={"reset_password"})
    refuse_weak(body.password, email=shown.email)
    secret_hash = await visitor.passwords.hashed(body.password)
    async with visitor.unit_of_work() as session:
        await reset_password(session, SCOPE, token=body.token, secret_hash=secret_hash, client=visitor.client)
    return Response(status_code=204)
