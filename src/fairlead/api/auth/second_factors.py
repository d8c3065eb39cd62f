"""Second factors over HTTP."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.answers import changing, one
from fairlead.api.auth.visitors import OWN, SCOPE, AnyVisitor, answer_signed_in, shows_cookie, signed_in
from fairlead.api.cookies import keep_token
from fairlead.api.deps import PersonRoute, SignedIn
from fairlead.api.mounting import short_name
from fairlead.errors import Conflict, NotFound, TooManyAttempts, WrongCredentials
from fairlead.services.credential_changes import put_second_factor_in_force, take_second_factor_away
from fairlead.services.second_factors import offer_second_factor, renew_backup_codes
from fairlead.services.sign_ins import confirm
from fairlead.wire.auth import (
    BackupCodesOut,
    ConfirmCode,
    ConfirmedFactorOut,
    ConfirmPassword,
    OfferedFactorOut,
    SignedInOut,
)
from fairlead.wire.page import Data

router = APIRouter(
    prefix="/api/auth/second-factor", tags=["auth"], route_class=PersonRoute, generate_unique_id_function=short_name
)


@router.post(
    "",
    name="offer_second_factor",
    response_model=Data[OfferedFactorOut],
    responses=changing(WrongCredentials, Conflict, TooManyAttempts),
    openapi_extra=OWN,
)
async def offer(caller: SignedIn, visitor: AnyVisitor, body: ConfirmPassword) -> Response:
    """Get a secret for an authenticator application; it is asked for once confirmed. Scope: none, of a session."""
    attempt, checked = await visitor.password_checked(caller.person, password=body.password)
    async with visitor.unit_of_work() as session:
        user_id = await confirm(session, SCOPE, attempt=attempt, checked=checked)
        offered = await offer_second_factor(session, SCOPE, user_id=user_id, pepper=visitor.resources.pepper)
    return one(offered, OfferedFactorOut)


@router.post(
    "/confirm",
    name="confirm_second_factor",
    response_model=Data[ConfirmedFactorOut],
    responses=changing(WrongCredentials, NotFound, Conflict, TooManyAttempts),
    openapi_extra=OWN,
)
async def confirm_code(request: Request, caller: SignedIn, visitor: AnyVisitor, body: ConfirmCode) -> Response:
    """Show a first code: from now on one is asked for. Every session ends, and one begins for you.

    Scope: none, of a session.
    """
    await visitor.code_shown(caller.person)
    async with visitor.unit_of_work() as session:
        codes, started = await put_second_factor_in_force(
            session,
            SCOPE,
            person=caller.person,
            code=body.code,
            pepper=visitor.resources.pepper,
            client=visitor.client,
        )
    as_cookie = shows_cookie(request)
    shown = ConfirmedFactorOut(backup_codes=codes, session=signed_in(started, as_cookie=as_cookie))
    response = one(shown, ConfirmedFactorOut)
    if as_cookie:
        keep_token(request, response, token=started.token)
    return response


@router.post(
    "/backup-codes",
    name="renew_backup_codes",
    response_model=Data[BackupCodesOut],
    responses=changing(WrongCredentials, NotFound, TooManyAttempts),
    openapi_extra=OWN,
)
async def renew(caller: SignedIn, visitor: AnyVisitor, body: ConfirmPassword) -> Response:
    """Replace your backup codes; those before are good for nothing then. Scope: none, of a session."""
    attempt, checked = await visitor.password_checked(caller.person, password=body.password)
    async with visitor.unit_of_work() as session:
        user_id = await confirm(session, SCOPE, attempt=attempt, checked=checked)
        codes = await renew_backup_codes(
            session, SCOPE, user_id=user_id, pepper=visitor.resources.pepper, actor=caller.actor
        )
    return one(BackupCodesOut(backup_codes=codes), BackupCodesOut)


@router.post(
    "/remove",
    name="remove_second_factor",
    response_model=Data[SignedInOut],
    responses=changing(WrongCredentials, NotFound, TooManyAttempts),
    openapi_extra=OWN,
)
async def remove(request: Request, caller: SignedIn, visitor: AnyVisitor, body: ConfirmPassword) -> Response:
    """Let the password be enough again. Every session ends, and one begins for you. Scope: none, of a session."""
    attempt, checked = await visitor.password_checked(caller.person, password=body.password)
    async with visitor.unit_of_work() as session:
        await confirm(session, SCOPE, attempt=attempt, checked=checked)
        started = await take_second_factor_away(session, SCOPE, person=caller.person, client=visitor.client)
    return answer_signed_in(request, started, as_cookie=shows_cookie(request))
