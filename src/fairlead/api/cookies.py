"""The cookie in which a browser keeps a session's token.

No script reads it, no other site's form sends it, and with its prefix no other host can have set it. A browser takes
the prefix over HTTPS only; so on this machine itself, over plain HTTP, and only there, the cookie has another name.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fairlead.bootstrap import Resources
from fairlead.services.sessions import LONGEST

COOKIE: Final = "__Host-fairlead"
LOOPBACK_COOKIE: Final = "fairlead"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def kept_token(request: Request) -> str | None:
    """Return the token that a browser kept for us, if it did."""
    return request.cookies.get(of_this_site(request, LOOPBACK_COOKIE))


def keep_token(request: Request, response: Response, *, token: str) -> None:
    """Have the browser keep a token."""
    set_cookie(request, response, LOOPBACK_COOKIE, token, seconds=int(LONGEST.total_seconds()))


def drop_token(request: Request, response: Response) -> None:
    """Have the browser forget the token."""
    set_cookie(request, response, LOOPBACK_COOKIE, "", seconds=0)


def of_this_site(request: Request, name: str) -> str:
    """Return how a cookie is called so that a browser takes it from this very host alone, as far as it can be.

    A proxy that ends TLS may ask us by a loopback name, so HTTPS may be told by the public address.
    """
    resources: Resources = request.app.state.resources
    is_https = (resources.public_url or request.url.scheme).startswith("https")
    return name if is_loopback(request) and not is_https else f"__Host-{name}"


def is_loopback(request: Request) -> bool:
    """Tell whether a request was made to this machine by a name that only means this machine."""
    return request.url.hostname in _LOOPBACK


def set_cookie(request: Request, response: Response, name: str, value: str, *, seconds: int) -> None:
    """Have the browser keep a value for so long, for this host alone and for no script; 0 seconds: forget it."""
    called = of_this_site(request, name)
    response.set_cookie(called, value, max_age=seconds, path="/", httponly=True, secure=called != name, samesite="lax")
