"""Who gets an answer: only the browser that was given the address, only from this page, only under this host's name.

* The address that is printed holds a token that works once; it becomes a cookie that scripts cannot read and that is
  sent for no other site's request (HttpOnly, SameSite=Strict), named after the port, since cookies know no ports.
* The Host header has to be this machine's loopback and our port: a name that another DNS points here is refused.
* What is not a plain look (GET, HEAD) has to come from this page: Origin, Sec-Fetch-Site, and a token in a header that
  only this page's script knows.
* Every answer forbids scripts, styles, images and connections from elsewhere, and being framed or cached.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairlead.studio.access import Organization

CSRF_HEADER: Final = "x-fairlead-studio"
BODY_BYTES: Final = 4_000_000
_LOOKING: Final = frozenset({"GET", "HEAD"})
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


@dataclass(slots=True)
class Visit:
    """A browser that was let in: what its script shows for its writes, and the tenant it looks at."""

    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    organization: Organization | None = None


class Door:
    """The one-time token and the visits it turned into; `port` is known when the server listens."""

    def __init__(self, organization: Organization | None = None) -> None:
        self.port = 0
        self._token = secrets.token_urlsafe(32)
        self._first_look = organization
        self._visits: dict[str, Visit] = {}

    @property
    def address(self) -> str:
        """Where it is opened, once."""
        return f"http://127.0.0.1:{self.port}/open?{urlencode({'token': self._token})}"

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return f"fairlead_studio_{self.port}"

    def open(self, token: str) -> str | None:
        """Return the cookie's value for the right token, the first time; None otherwise."""
        if not self._token or not secrets.compare_digest(token.encode(), self._token.encode()):
            return None
        self._token = ""
        value = secrets.token_urlsafe(32)
        self._visits[value] = Visit(organization=self._first_look)
        return value

    def visit(self, request: Request) -> Visit | None:
        """Return the visit that a request's cookie belongs to."""
        return self._visits.get(request.cookies.get(self.cookie, ""))

    def hosts(self) -> frozenset[str]:
        """Return the Host headers that are ours."""
        return frozenset(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]"))


class Guard:
    """ASGI middleware before everything else; see the module."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope)
        refusal = self._refusal(request)
        if refusal is None and self._door.visit(request) is None and request.url.path not in _OPEN:
            refusal = _refused(401, _OPEN_FIRST)
        await (refusal or self._app)(scope, receive, hardened)

    def _refusal(self, request: Request) -> Response | None:
        """Return why a request is not answered, whoever sends it."""
        headers, own = request.headers, f"http://{request.headers.get('host', '')}"
        if headers.get("host", "") not in self._door.hosts():
            return _refused(421, "This is not a name of this server. Open the address that was printed.")
        if request.method in _LOOKING:
            return None
        if request.method != "POST":
            return _refused(405, "This cannot be done here.")
        if headers.get("origin") != own or headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return _refused(403, "This request came from another page.")
        visit = self._door.visit(request)
        if visit is not None and not secrets.compare_digest(headers.get(CSRF_HEADER, "").encode(), visit.csrf.encode()):
            return _refused(403, "This request does not carry this page's token. Load the page again.")
        return _too_large(headers)


_OPEN: Final = frozenset({"/open", "/static/icon.svg", "/static/studio.css", "/static/theme.js"})
_OPEN_FIRST: Final = (
    "Studio lets in the browser that opens the address printed when it was started; that address works once. "
    "Stop it and run 'fairlead db studio' again for another one."
)


def _too_large(headers: Headers) -> Response | None:
    length = headers.get("content-length", "")
    if not length.isdigit():
        return _refused(411, "How long the request is has to be said.")
    return _refused(413, "That is more than studio takes at once.") if int(length) > BODY_BYTES else None


def _refused(status: int, sentence: str) -> Response:
    return PlainTextResponse(f"{sentence}\n", status_code=status)
