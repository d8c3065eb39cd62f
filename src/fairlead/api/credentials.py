"""What a request shows to say who asks, and whom that stands for.

`Authorization: Bearer` holds an API key or a session's token; without that header a browser's cookie holds the latter.
A browser sends its cookie whoever made it send the request: what changes something is then let in only from our own
pages. A header that is there is what counts, however wrong; the cookie beside it is not looked at.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from fairlead.api.cookies import kept_token
from fairlead.bootstrap import Resources
from fairlead.db.tenancy import system
from fairlead.domain.tokens import is_session_token
from fairlead.errors import Forbidden, NotFound, Unauthenticated
from fairlead.services.access import Person, Principal, enter
from fairlead.services.key_cache import KeyCache
from fairlead.services.key_use import KeyUse
from fairlead.services.sessions import authenticate_session

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SCOPE: Final = system("authenticate a request")


async def principal_of(request: Request) -> Principal:
    """Return who asks, in the organization that the path names or that the API key implies.

    Raises Unauthenticated, NotFound for an organization that whoever asks does not belong to, and Forbidden for a
    session where the path names none.
    """
    token = shown_token(request)
    organization_id: str | None = request.path_params.get("organizationId")
    if is_session_token(token):
        return await _member(request, token, organization_id)
    principal = await _of_key(request, token)
    if organization_id not in {None, principal.organization_id}:
        raise NotFound
    return principal


async def person_of(request: Request) -> Person:
    """Return who is signed in; raises Unauthenticated, and Forbidden for an API key, which is nobody's session."""
    token = shown_token(request)
    if not is_session_token(token):
        await _of_key(request, token)
        raise Forbidden("This is for people who are signed in; an API key belongs to one organization.")
    resources: Resources = request.app.state.resources
    async with resources.database.unit_of_work(_SCOPE) as session:
        return await authenticate_session(session, _SCOPE, token=token)


def shown_token(request: Request) -> str:
    """Return what a request shows, whatever it is worth; raises Unauthenticated when that is nothing.

    Raises Forbidden for a cookie that another site's page may have sent.
    """
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated
        return token.strip()
    cookie = kept_token(request)
    if cookie is None:
        raise Unauthenticated
    if request.method not in _SAFE:
        refuse_other_origins(request)
    return cookie


def refuse_other_origins(request: Request) -> None:
    """Raise Forbidden for a request that a page of another site may have made a browser send."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        own = site in {"same-origin", "none"}
    else:
        resources: Resources = request.app.state.resources
        ours = {request.headers.get("host"), _place(resources.public_url or "")} - {""}
        own = _place(request.headers.get("origin", "")) in ours
    if not own:
        raise Forbidden("This request did not come from a page of this server.")


def _place(url: str) -> str:
    """Return the host and port that an address is of; "" for what is none."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


async def _member(request: Request, token: str, organization_id: str | None) -> Principal:
    resources: Resources = request.app.state.resources
    async with resources.database.unit_of_work(_SCOPE) as session:
        person = await authenticate_session(session, _SCOPE, token=token)
        if organization_id is None:
            raise Forbidden("A session has no organization of its own: use /api/organizations/{organizationId}/….")
        return await enter(session, _SCOPE, person=person, organization_id=organization_id)


async def _of_key(request: Request, raw: str) -> Principal:
    keys: KeyCache = request.app.state.keys
    principal = await keys.principal(raw)
    key_use: KeyUse = request.app.state.key_use
    if principal.api_key_id is not None:
        key_use.note(principal.api_key_id)
    return principal
