"""Requests that make something, made once: how a route that answers 201 is written.

Such a route takes `Once` and gives its work as a function of a session and a scope, which answers:

    async def create(once: Once, caller: QueueManager, body: NewThing) -> Response:
        async def work(session: Session, scope: TenantScope) -> Response:
            made = await create_thing(session, scope, …)
            return one(made, ThingOut, status=201, location=caller.at(f"/things/{made.id}"))

        return await once.answer(caller, work)

With an `Idempotency-Key` the first answer is kept beside the thing, and comes again, marked, for the same key and the
same request. The request is the same when its route, what its path names, its query and its body are, byte for byte,
and when the same key or person asks: what one is answered, such as a fresh secret, is nobody else's. At which of the
two addresses it came does not matter. What follows a commit (a wake-up) is done after `answer`, each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import orjson
from fastapi import Depends, Header
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.deps import Caller, Individual
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope, TenantScope
from fairlead.services.access import Person, Principal
from fairlead.services.idempotency import (
    Attempt,
    keep_answer,
    keep_personal_answer,
    recall_answer,
    recall_personal_answer,
)

Work: TypeAlias = Callable[[Session, TenantScope], Awaitable[Response]]
PersonalWork: TypeAlias = Callable[[Session, SystemScope], Awaitable[Response]]
_KEPT_HEADERS: Final = ("content-type", "location", "etag")
_KEY: Final = Header(
    alias="Idempotency-Key",
    pattern="^[\x21-\x7e]{1,255}$",
    description="Any text of your own, such as a UUID: the request may be sent again for 24 hours and is done once.",
)

GivenKey: TypeAlias = Annotated[str | None, _KEY]


@dataclass(frozen=True, slots=True)
class OnceOnly:
    """A request that makes something; `attempt` None is one that did not ask to be made once."""

    attempt: Attempt | None

    async def answer(
        self, caller: Caller, work: Work, *, queue_id: str | None = None, above: SystemScope | None = None
    ) -> Response:
        """Do the work in a transaction and return its answer, or return the first one; raises as the work does.

        `above` is the scope of a transaction that has to cross organizations; the work gets its caller's all the same.

        Raises IdempotencyInFlight and IdempotencyKeyReused, too, and NotFound for a queue that the key is not for.
        """
        secret = caller.resources.pepper
        scope = caller.scope(queue_id=queue_id)
        async with caller.resources.database.unit_of_work(above or scope) as session:
            if self.attempt is None:
                return await work(session, scope)
            kept = await recall_answer(session, scope, attempt=self.attempt, secret=secret)
            if kept is not None:
                return _replayed(kept)
            first = await work(session, scope)
            await keep_answer(session, scope, attempt=self.attempt, answer=_written(first), secret=secret)
        return first

    async def answer_individual(self, individual: Individual, work: PersonalWork, *, above: SystemScope) -> Response:
        """Do the work of a person outside every organization, in `above`, or return the first answer; as `answer`."""
        secret, user_id = individual.resources.pepper, individual.person.user_id
        async with individual.resources.database.unit_of_work(above) as session:
            if self.attempt is None:
                return await work(session, above)
            kept = await recall_personal_answer(session, above, user_id=user_id, attempt=self.attempt, secret=secret)
            if kept is not None:
                return _replayed(kept)
            first = await work(session, above)
            await keep_personal_answer(
                session, above, user_id=user_id, attempt=self.attempt, answer=_written(first), secret=secret
            )
        return first


def once_of(request: Request, key: str | None, body_digest: bytes) -> OnceOnly:
    """Return a request whose body was read by itself, and has this SHA-256; with a key it is to be made once."""
    if key is None:
        return OnceOnly(None)
    named = {name: value for name, value in request.path_params.items() if name != "organizationId"}
    who: Person | Principal = request.state.who
    api_key_id = who.api_key_id if isinstance(who, Principal) else None
    told = orjson.dumps([sorted(named.items()), request.url.query, who.user_id, api_key_id])
    return OnceOnly(Attempt(request.scope["route"].name, key, hashlib.sha256(told + body_digest).hexdigest()))


async def _once(request: Request, key: GivenKey = None) -> OnceOnly:
    return once_of(request, key, hashlib.sha256(await request.body()).digest() if key is not None else b"")


def _written(answer: Response) -> bytes:
    headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
    return orjson.dumps([answer.status_code, headers]) + b"\n" + bytes(answer.body)


def _replayed(kept: bytes) -> Response:
    head, _, body = kept.partition(b"\n")
    status, headers = orjson.loads(head)
    return Response(body, status_code=status, headers={**headers, "Idempotency-Replayed": "true"})


Once = Annotated[OnceOnly, Depends(_once)]
