"""What handlers are given: who asks, checked for one permission, and ids that can exist.

A route of this API checks the key before it reads a byte of the body, then parses the body strictly.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Query
from fastapi.routing import APIRoute
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.body import read_json
from fairlead.bootstrap import Resources
from fairlead.db.tenancy import TenantScope, system
from fairlead.domain.ids import is_id
from fairlead.domain.limits import PAGE_ITEMS
from fairlead.domain.permissions import Permission
from fairlead.errors import NotFound, Unauthenticated
from fairlead.queries.page import LAST_PAGE, Window
from fairlead.services.access import Principal, require
from fairlead.services.api_keys import authenticate
from fairlead.services.audit import Actor
from fairlead.services.key_use import KeyUse


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for what permission, and what the process works with."""

    principal: Principal
    permission: Permission
    resources: Resources
    request_id: str

    @property
    def actor(self) -> Actor:
        """The caller as the audit trail names them."""
        return Actor("api_key", self.principal.api_key_id, self.request_id, self.principal.scopes)

    def scope(self, *, queue_id: str | None = None) -> TenantScope:
        """Return the caller's scope; raises NotFound for a queue that the key is not for."""
        return require(self.principal, self.permission, queue_id=queue_id)


class KeyedRoute(APIRoute):
    """A route that needs an API key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the usual handler: first the key, then the body."""
        answer = super().get_route_handler()
        has_body = self.body_field is not None

        async def handle(request: Request) -> Response:
            request.state.principal = await _authenticated(request)
            body, value = await read_json(request) if has_body else (b"", None)
            return await answer(_ParsedRequest(request, body, value))

        return handle


class _ParsedRequest(Request):
    """A request whose body was read and parsed."""

    def __init__(self, request: Request, body: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._body = body
        self._value = value

    async def json(self) -> Any:
        return self._value


def may(permission: Permission) -> Any:
    """Return the dependency that lets callers with `permission` in; raises Forbidden naming it."""

    def check(request: Request) -> Caller:
        principal: Principal = request.state.principal
        require(principal, permission)
        return Caller(principal, permission, request.app.state.resources, request.state.request_id)

    return Depends(check)


async def _authenticated(request: Request) -> Principal:
    resources: Resources = request.app.state.resources
    scheme, _, raw = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    scope = system("authenticate a request")
    async with resources.database.unit_of_work(scope) as session:
        principal = await authenticate(session, scope, raw=raw.strip(), pepper=resources.pepper)
    key_use: KeyUse = request.app.state.key_use
    key_use.note(principal.api_key_id)
    return principal


def _known_form(text: str) -> str:
    if not is_id(text):
        raise NotFound
    return text


def _window(
    page: Annotated[int, Query(ge=1, le=LAST_PAGE)] = 1, limit: Annotated[int, Query(ge=1, le=PAGE_ITEMS)] = 20
) -> Window:
    return Window(page, limit)


_EXAMPLE_ID = "k3f9x2m7q1w8e5r4t6y0u2i9"
QueueId = Annotated[str, Path(alias="queueId", examples=[_EXAMPLE_ID]), AfterValidator(_known_form)]
ItemId = Annotated[str, Path(alias="itemId", examples=[_EXAMPLE_ID]), AfterValidator(_known_form)]
PageWindow = Annotated[Window, Depends(_window)]
QueueReader = Annotated[Caller, may(Permission.QUEUES_READ)]
QueueManager = Annotated[Caller, may(Permission.QUEUES_MANAGE)]
Producer = Annotated[Caller, may(Permission.ITEMS_ENQUEUE)]
Consumer = Annotated[Caller, may(Permission.ITEMS_CLAIM)]
ItemReader = Annotated[Caller, may(Permission.ITEMS_READ)]
