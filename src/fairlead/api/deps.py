"""What handlers are given: who asks, checked for one permission, and ids that can exist.

A route of this API checks the credential before it looks at the query or reads a byte of the body, and parses both
strictly.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Path, Query
from fastapi.routing import APIRoute
from pydantic import AfterValidator
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from fairlead.api.body import NDJSON, announces_body, media_type, read_json
from fairlead.api.credentials import person_of, principal_of
from fairlead.api.limiting import admit_address, admit_principal
from fairlead.api.parameters import parameters_of, refuse_unknown
from fairlead.api.time_limits import timed
from fairlead.bootstrap import Resources
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.ids import is_id
from fairlead.domain.limits import NAME_CHARACTERS, PAGE_ITEMS
from fairlead.domain.names import name_problem
from fairlead.domain.permissions import Permission
from fairlead.errors import NotFound, ValidationFailed
from fairlead.queries.page import LAST_PAGE, Window
from fairlead.services.access import Person, Principal, belonging, require, require_every_queue
from fairlead.services.audit import Actor
from fairlead.services.key_cache import LIFE_SECONDS
from fairlead.wire.values import EXAMPLE_ID


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks in an organization, for what permission, and what the process works with.

    `permission` None is for what everybody may do to themselves, whoever is signed in. `base` is where the address that
    was asked begins: what an answer names is found under it, too.
    """

    principal: Principal
    permission: Permission | None
    resources: Resources
    request_id: str
    base: str = "/api"

    @property
    def actor(self) -> Actor:
        """The caller as the audit trail names them."""
        who, permissions = self.principal, self.principal.permissions
        if who.api_key_id is not None:
            return Actor("api_key", who.api_key_id, self.request_id, permissions)
        return Actor("user", who.user_id, self.request_id, permissions)

    @property
    def name(self) -> str:
        """What to call the caller where it gives itself no name."""
        who = self.principal
        return f"key:{who.api_key_id}" if who.api_key_id is not None else f"user:{who.user_id}"

    def scope(self, *, queue_id: str | None = None) -> TenantScope:
        """Return the caller's scope; raises NotFound for a queue that the key is not for."""
        if self.permission is None:
            return belonging(self.principal)
        return require(self.principal, self.permission, queue_id=queue_id)

    @asynccontextmanager
    async def unit_of_work(self, *, queue_id: str | None = None) -> AsyncIterator[tuple[Session, TenantScope]]:
        """Open a transaction in the caller's scope; raises as `scope` and `Database.unit_of_work` do."""
        scope = self.scope(queue_id=queue_id)
        async with self.resources.database.unit_of_work(scope) as session:
            yield session, scope

    async def again(self, request: Request) -> Caller:
        """Return the caller as they may ask now, some while after `request` came.

        Raises Unauthenticated, NotFound and Forbidden when they may no more.
        """
        caller = replace(self, principal=await principal_of(request))
        caller.scope()
        return caller

    def at(self, path: str) -> str:
        """Return the address of `path`, such as `/queues/…`, for this caller."""
        return self.base + path


@dataclass(frozen=True, slots=True)
class Individual:
    """A person who is signed in and asks for themselves, and what the process works with."""

    person: Person
    resources: Resources
    request_id: str

    @property
    def actor(self) -> Actor:
        """The person as the audit trail names them; what they may do here is what they may do to themselves."""
        return Actor("user", self.person.user_id, self.request_id)


class CheckedRoute(APIRoute):
    """A route that asks `authenticate` who is there before it looks at what is asked.

    What that says is in `request.state`.
    """

    authenticate: ClassVar[staticmethod[[Request], Coroutine[Any, Any, Any]]]
    leaves_body: ClassVar[bool] = False
    takes_any_parameter: ClassVar[bool] = False

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the usual handler: first the credential, then the query, then the body."""
        answer = super().get_route_handler()
        field = self.body_field
        authenticate, leaves_body = type(self).authenticate, self.leaves_body
        known = None if self.takes_any_parameter else parameters_of(self.dependant)

        async def handle(request: Request) -> Response:
            await admit_address(request)
            request.state.who = await authenticate(request)
            if known is not None:
                refuse_unknown(request, known=known)
            if leaves_body:
                return await answer(request)
            needed = field is not None and (field.field_info.is_required() or announces_body(request))
            asked = time.monotonic()
            body, value = await read_json(request) if needed else (b"", None)
            if time.monotonic() - asked > LIFE_SECONDS:  # whoever sends slowly may have lost the right meanwhile
                request.state.who = await authenticate(request)
            return await answer(_ParsedRequest(request, body, value))

        return timed(handle)


async def counted_principal_of(request: Request) -> Principal:
    """Return who asks in an organization, and count it; raises as `principal_of`, and RateLimited."""
    principal = await principal_of(request)
    await admit_principal(request, principal)
    return principal


class TenantRoute(CheckedRoute):
    """A route inside one organization, for its members and its API keys."""

    authenticate = staticmethod(counted_principal_of)


class StreamRoute(TenantRoute):
    """A TenantRoute for bodies of one object a line, which it leaves to its handler; others are not for it."""

    leaves_body = True

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by the address, and by what the body is said to be."""
        match, found = super().matches(scope)
        if match is not Match.NONE and media_type(Headers(scope=scope)) != NDJSON:
            return Match.NONE, {}
        return match, found


class PersonRoute(CheckedRoute):
    """A route of a person who is signed in, in no organization."""

    authenticate = staticmethod(person_of)


class _ParsedRequest(Request):
    """A request whose body was read and parsed."""

    def __init__(self, request: Request, body: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._body = body
        self._value = value

    async def json(self) -> Any:
        return self._value


def may(permission: Permission, *, of_every_queue: bool = False) -> Any:
    """Return the dependency that lets callers with `permission` in; raises Forbidden naming it.

    `of_every_queue` is for what tells of all queues: it keeps out keys that are for some only.
    """

    async def check(request: Request) -> Caller:
        principal: Principal = request.state.who
        require(principal, permission)
        if of_every_queue:
            require_every_queue(principal)
        return _caller(request, permission)

    return Depends(check)


async def _oneself(request: Request) -> Caller:
    belonging(request.state.who)
    return _caller(request, None)


def _caller(request: Request, permission: Permission | None) -> Caller:
    named = request.path_params.get("organizationId")
    base = "/api" if named is None else f"/api/organizations/{named}"
    return Caller(request.state.who, permission, request.app.state.resources, request.state.request_id, base)


async def _individual(request: Request) -> Individual:
    return Individual(request.state.who, request.app.state.resources, request.state.request_id)


def known_form(text: str) -> str:
    """Return an id of a path; raises NotFound for what cannot be one."""
    if not is_id(text):
        raise NotFound
    return text


def _searchable(text: str) -> str:
    if text and (problem := name_problem(text.strip())):
        raise ValidationFailed(details={"search": problem})
    return text


async def _window(
    page: Annotated[int, Query(ge=1, le=LAST_PAGE)] = 1, limit: Annotated[int, Query(ge=1, le=PAGE_ITEMS)] = 20
) -> Window:
    return Window(page, limit)


OrganizationId = Annotated[str, Path(alias="organizationId", examples=[EXAMPLE_ID]), AfterValidator(known_form)]
QueueId = Annotated[str, Path(alias="queueId", examples=[EXAMPLE_ID]), AfterValidator(known_form)]
ItemId = Annotated[str, Path(alias="itemId", examples=[EXAMPLE_ID]), AfterValidator(known_form)]
ScheduleId = Annotated[str, Path(alias="scheduleId", examples=[EXAMPLE_ID]), AfterValidator(known_form)]
UserId = Annotated[str, Path(alias="userId", examples=[EXAMPLE_ID]), AfterValidator(known_form)]
RoleId = Annotated[str, Path(alias="roleId", examples=[EXAMPLE_ID]), AfterValidator(known_form)]
ApiKeyId = Annotated[str, Path(alias="apiKeyId", examples=[EXAMPLE_ID]), AfterValidator(known_form)]
InvitationId = Annotated[str, Path(alias="invitationId", examples=[EXAMPLE_ID]), AfterValidator(known_form)]
EventId = Annotated[str, Path(alias="eventId", examples=[EXAMPLE_ID]), AfterValidator(known_form)]
PageWindow = Annotated[Window, Depends(_window)]
Search = Annotated[
    str, Query(max_length=NAME_CHARACTERS, description="Part of the name, in any case."), AfterValidator(_searchable)
]
SignedIn = Annotated[Individual, Depends(_individual)]
Oneself = Annotated[Caller, Depends(_oneself)]
QueueReader = Annotated[Caller, may(Permission.QUEUES_READ)]
QueueManager = Annotated[Caller, may(Permission.QUEUES_MANAGE)]
Producer = Annotated[Caller, may(Permission.ITEMS_ENQUEUE)]
Consumer = Annotated[Caller, may(Permission.ITEMS_CLAIM)]
ItemReader = Annotated[Caller, may(Permission.ITEMS_READ)]
ItemManager = Annotated[Caller, may(Permission.ITEMS_MANAGE)]
