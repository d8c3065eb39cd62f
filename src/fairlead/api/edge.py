"""The outermost layer: every request has an id, and every error that nobody expected ends here.

HEAD is known wherever GET is: it is carried out as GET, and the answer goes out without its body.
"""

from __future__ import annotations

import re
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairlead.api.limiting import standing_headers
from fairlead.api.problems import error_response
from fairlead.domain.ids import new_id
from fairlead.domain.limits import HEADER_BYTES
from fairlead.errors import FairleadError, HeadersTooLarge

_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_log = structlog.get_logger(__name__)


class Edge:
    """ASGI middleware: sets `request.state.request_id`, answers it as X-Request-Id, turns the unexpected into 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other kinds of connection pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        answer = _Answer(send, request_id, scope=scope)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._guarded({**scope, "method": "GET"} if answer.is_bare else scope, receive, answer)

    async def _guarded(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if _size_of_head(scope) > HEADER_BYTES:
            await error_response(HeadersTooLarge(), request_id=answer.request_id)(scope, receive, answer)
            return
        try:
            await self._app(scope, receive, answer)
        except Exception:
            _log.exception("request_failed", method=scope["method"], path=scope["path"])
            if answer.started:
                raise
            await error_response(FairleadError(), request_id=answer.request_id)(scope, receive, answer)


class _Answer:
    """The way back to the client: adds our headers and knows whether anything was sent.

    What the API answers is somebody's own, and kept by nothing on its way.
    """

    def __init__(self, send: Send, request_id: str, *, scope: Scope) -> None:
        self._send = send
        self._is_private = scope["path"].startswith("/api/")
        self._state = scope["state"]
        self.request_id = request_id
        self.is_bare = scope["method"] == "HEAD"
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            headers["X-Content-Type-Options"] = "nosniff"
            if self._is_private:
                headers["Cache-Control"] = "no-store"
            headers.update(standing_headers(self._state.get("standing")))
        if not self.is_bare:
            await self._send(message)
        elif message["type"] == "http.response.start":  # all there is, so that a stream ends, too
            await self._send(message)
            await self._send({"type": "http.response.body"})


def _size_of_head(scope: Scope) -> int:
    address = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    return address + sum(len(name) + len(value) for name, value in scope["headers"])


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else new_id()
