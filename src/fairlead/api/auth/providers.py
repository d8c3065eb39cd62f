"""Signing in with another provider: GitHub, Google, or any issuer of OpenID Connect.

A browser is sent there with a state and comes back with it; what belongs to that state waits, sealed, in a cookie of
the browser that began. So a way back that somebody else began signs nobody in, and nothing is kept here meanwhile.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import asdict
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fairlead.api.answers import many, one, reading, visiting
from fairlead.api.auth.visitors import OPEN, SCOPE, AnyVisitor, Visitor, VisitorRoute, answer_signed_in
from fairlead.api.cookies import is_loopback, keep_token, of_this_site, set_cookie
from fairlead.api.deps import CheckedRoute
from fairlead.api.mounting import short_name
from fairlead.bootstrap import Resources
from fairlead.errors import (
    AccountNotLinked,
    Forbidden,
    NotFound,
    ProviderUnavailable,
    SecondFactorNeeded,
    SignInFailed,
    TooManyAttempts,
)
from fairlead.services.identities import sign_in_as
from fairlead.services.providers import Begun, Provider
from fairlead.services.sealing import SealBroken, seal, unseal
from fairlead.services.sign_ins import Challenge
from fairlead.wire.auth import BeginSignIn, BegunOut, ProviderOut, SignedInOut
from fairlead.wire.page import Data

COOKIE: Final = "fairlead-sign-in"
_SECONDS: Final = 600
_PURPOSE: Final = "sign-in with a provider"
_CHARACTERS: Final = 2000  # of what a provider sends back

_open = APIRouter(prefix="/api/auth", tags=["auth"], route_class=VisitorRoute, generate_unique_id_function=short_name)


class _ReturningRoute(CheckedRoute):
    """A route to which another site sends a browser, which shows by its cookie that it began here.

    What else the provider sends along is to be ignored (RFC 6749, 4.1.2).
    """

    takes_any_parameter = True

    @staticmethod
    async def authenticate(_request: Request) -> None:
        """Let everybody in."""


_back = APIRouter(
    prefix="/api/auth", tags=["auth"], route_class=_ReturningRoute, generate_unique_id_function=short_name
)
ROUTERS: Final = (_open, _back)
ProviderName = Annotated[str, Path(alias="provider", examples=["github"])]
FromProvider = Annotated[str, Query(max_length=_CHARACTERS)]


@_open.get(
    "/providers",
    name="list_providers",
    response_model=Data[list[ProviderOut]],
    responses=visiting(body=False),
    openapi_extra=OPEN,
)
async def list_providers(request: Request) -> Response:
    """List with whom people can sign in here. Scope: none."""
    known: dict[str, Provider] = request.app.state.providers
    return many([ProviderOut(name=name) for name in known], ProviderOut)


@_open.post(
    "/providers/{provider}/sign-in",
    name="begin_provider_sign_in",
    response_model=Data[BegunOut],
    responses=visiting(NotFound, ProviderUnavailable),
    openapi_extra=OPEN,
)
async def begin(request: Request, visitor: AnyVisitor, provider: ProviderName, body: BeginSignIn) -> Response:
    """Begin to sign in with a provider: where the browser has to go, and a cookie for its way back. Scope: none."""
    asked = _provider(request, provider)
    begun = await asked.begin(redirect_uri=_redirect_uri(request, visitor.resources, provider))
    response = one(BegunOut(url=begun.url), BegunOut)
    kept = {"begun": asdict(begun), "organization": body.organization, "return_to": body.return_to}
    sealed = seal(orjson.dumps(kept), secret=visitor.resources.pepper, purpose=_PURPOSE, of=provider)
    set_cookie(request, response, COOKIE, base64.urlsafe_b64encode(sealed).decode(), seconds=_SECONDS)
    return response


@_back.get(
    "/providers/{provider}/callback",
    name="finish_provider_sign_in",
    response_model=Data[SignedInOut],
    responses={
        **reading(
            NotFound,
            SignInFailed,
            AccountNotLinked,
            SecondFactorNeeded,
            TooManyAttempts,
            ProviderUnavailable,
        ),
        303: {"description": "The session has begun, and the browser goes on to where it was to return."},
    },
    openapi_extra=OPEN,
)
async def finish(
    request: Request,
    visitor: AnyVisitor,
    provider: ProviderName,
    code: FromProvider = "",
    state: FromProvider = "",
) -> Response:
    """Begin the session of whoever comes back from a provider, in a cookie. Scope: none.

    An account at the provider belongs to the account here that it was used for first; that is the one whose address
    both have verified. Where nobody has the address, it becomes the account of a new organization, if one was named.
    """
    asked = _provider(request, provider)
    kept = _kept(request, visitor, provider)
    begun = Begun(**kept["begun"])
    if not code or not hmac.compare_digest(state.encode(), begun.state.encode()):
        raise SignInFailed
    await visitor.token_shown(code)
    identity = await asked.identify(begun, code=code)
    async with visitor.unit_of_work() as session:
        started = await sign_in_as(
            session,
            SCOPE,
            identity=identity,
            organization_name=kept["organization"],
            client=visitor.client,
            actor=visitor.actor,
        )
    if isinstance(started, Challenge):
        raise SecondFactorNeeded(details={"challenge": started.token})
    response = answer_signed_in(request, started, as_cookie=True)
    if kept["return_to"] is not None:
        response = RedirectResponse(kept["return_to"], status_code=303)
        keep_token(request, response, token=started.token)
    set_cookie(request, response, COOKIE, "", seconds=0)
    return response


def _provider(request: Request, name: str) -> Provider:
    known: dict[str, Provider] = request.app.state.providers
    if name not in known:
        raise NotFound
    return known[name]


def _redirect_uri(request: Request, resources: Resources, provider: str) -> str:
    """Return where the provider sends the browser back, which no header of the request decides.

    Raises Forbidden where only a header could tell.
    """
    if resources.public_url is None and not is_loopback(request):
        raise Forbidden("Until FAIRLEAD_PUBLIC_URL is set, this works on a loopback address only.")
    base = resources.public_url or f"{request.url.scheme}://{request.url.netloc}"
    return f"{base}/api/auth/providers/{provider}/callback"


def _kept(request: Request, visitor: Visitor, provider: str) -> dict[str, Any]:
    """Return what the browser kept; raises SignInFailed where it began with nothing, or with another provider."""
    text = request.cookies.get(of_this_site(request, COOKIE), "")
    try:
        sealed = base64.b64decode(text, altchars=b"-_", validate=True)
        opened = unseal(sealed, secret=visitor.resources.pepper, purpose=_PURPOSE, of=provider)
    except (SealBroken, binascii.Error, ValueError):
        raise SignInFailed from None
    kept: dict[str, Any] = orjson.loads(opened)
    return kept
