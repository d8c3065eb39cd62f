"""API keys over HTTP: for people only, since no key makes, changes or sees keys."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from fairlead.api.answers import changing, creating, one, page_of, reading, versioned
from fairlead.api.deps import ApiKeyId, Caller, PageWindow, Search, TenantRoute, may
from fairlead.api.once import Once
from fairlead.api.versions import Expected
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.permissions import Permission
from fairlead.errors import Conflict, NotFound, PreconditionFailed
from fairlead.queries.api_keys import KeyState, get_api_key, get_api_key_page
from fairlead.rows import ApiKey
from fairlead.services.api_keys import (
    create_api_key,
    delete_api_key,
    revoke_api_key,
    rotate_api_key,
    update_api_key,
)
from fairlead.services.key_rules import version_of_key
from fairlead.wire.api_keys import ApiKeyOut, MadeApiKey, NewApiKey, RotateApiKey, UpdateApiKey
from fairlead.wire.page import Data, PageData

router = APIRouter(prefix="/api-keys", tags=["api-keys"], route_class=TenantRoute)
Manager = Annotated[Caller, may(Permission.KEYS_MANAGE)]
_KEY: Final = "/{apiKeyId}"


@router.post("", name="create_api_key", status_code=201, response_model=Data[MadeApiKey], responses=creating(NotFound))
async def create(once: Once, caller: Manager, body: NewApiKey) -> Response:
    """Make a key that acts for whoever makes it; it is shown this once. Scope: `keys:manage`."""

    async def work(session: Session, scope: TenantScope) -> Response:
        made, raw = await create_api_key(
            session,
            scope,
            user_id=caller.principal.user_id,
            pepper=caller.resources.pepper,
            actor=caller.actor,
            **dict(body),
        )
        return _made(caller, made, raw)

    return await once.answer(caller, work)


@router.get("", name="list_api_keys", response_model=PageData[ApiKeyOut], responses=reading())
async def read_page(
    caller: Manager,
    window: PageWindow,
    *,
    search: Search = "",
    state: KeyState | None = None,
    user_id: Annotated[str | None, Query(alias="userId", description="Whom they act for.")] = None,
) -> Response:
    """List the keys, newest first; `search` is in the name or the visible prefix. Scope: `keys:manage`."""
    async with caller.unit_of_work() as (session, scope):
        page = await get_api_key_page(session, scope, window=window, search=search, state=state, user_id=user_id)
    return page_of(page, ApiKeyOut)


@router.get(_KEY, name="read_api_key", response_model=Data[ApiKeyOut], responses=versioned(reading(NotFound)))
async def read_one(caller: Manager, api_key_id: ApiKeyId) -> Response:
    """Read a key, without its secret. Scope: `keys:manage`."""
    async with caller.unit_of_work() as (session, scope):
        found = await get_api_key(session, scope, api_key_id=api_key_id)
    return one(found, ApiKeyOut, version=version_of_key(found))


@router.patch(
    _KEY,
    name="update_api_key",
    response_model=Data[ApiKeyOut],
    responses=versioned(changing(NotFound, Conflict, PreconditionFailed)),
)
async def update(caller: Manager, api_key_id: ApiKeyId, expected: Expected, body: UpdateApiKey) -> Response:
    """Change the fields given; they hold everywhere within a second. Scope: `keys:manage`."""
    async with caller.unit_of_work() as (session, scope):
        after = await update_api_key(
            session, scope, api_key_id=api_key_id, expected=expected, actor=caller.actor, **body.given
        )
    return one(after, ApiKeyOut, version=version_of_key(after))


@router.post(
    _KEY + "/rotate",
    name="rotate_api_key",
    status_code=201,
    response_model=Data[MadeApiKey],
    responses=creating(NotFound, Conflict),
)
async def rotate(once: Once, caller: Manager, api_key_id: ApiKeyId, body: RotateApiKey) -> Response:
    """Replace a key by a fresh one, shown this once; the old one goes on for `graceSeconds`. Scope: `keys:manage`."""
    end = {"expires_at": body.expires_at} if "expires_at" in body.given else {}

    async def work(session: Session, scope: TenantScope) -> Response:
        made, raw = await rotate_api_key(
            session,
            scope,
            api_key_id=api_key_id,
            pepper=caller.resources.pepper,
            grace=timedelta(seconds=body.grace_seconds),
            actor=caller.actor,
            **end,
        )
        return _made(caller, made, raw)

    return await once.answer(caller, work)


@router.post(_KEY + "/revoke", name="revoke_api_key", response_model=Data[ApiKeyOut], responses=reading(NotFound))
async def revoke(caller: Manager, api_key_id: ApiKeyId) -> Response:
    """End a key for good, everywhere within a second. Scope: `keys:manage`."""
    async with caller.unit_of_work() as (session, scope):
        ended = await revoke_api_key(session, scope, api_key_id=api_key_id, actor=caller.actor)
    return one(ended, ApiKeyOut)


@router.delete(_KEY, name="delete_api_key", status_code=204, responses=reading(NotFound, PreconditionFailed))
async def delete(caller: Manager, api_key_id: ApiKeyId, expected: Expected) -> Response:
    """Delete a key; only the audit trail remembers it. Scope: `keys:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await delete_api_key(session, scope, api_key_id=api_key_id, expected=expected, actor=caller.actor)
    return Response(status_code=204)


def _made(caller: Caller, made: ApiKey, raw: str) -> Response:
    shown: dict[str, Any] = {**asdict(made), "key": raw}
    return one(shown, MadeApiKey, status=201, location=caller.at(f"/api-keys/{made.id}"))
