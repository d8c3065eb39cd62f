"""The audit trail over HTTP."""

from __future__ import annotations

from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from fairlead.api.answers import one, reading
from fairlead.api.deps import Caller, EventId, TenantRoute, may
from fairlead.api.slices import List, PartAsked, slice_of
from fairlead.domain.limits import NAME_CHARACTERS
from fairlead.domain.permissions import Permission
from fairlead.errors import NotFound
from fairlead.queries.audit_events import AuditFilters, get_audit_event, get_audit_slice
from fairlead.wire.audit_events import AuditEventOut
from fairlead.wire.page import Data, SliceData
from fairlead.wire.values import DueTime

router = APIRouter(prefix="/audit", tags=["audit"], route_class=TenantRoute)
Reader = Annotated[Caller, may(Permission.AUDIT_READ, of_every_queue=True)]
_EVENT: Final = "/{eventId}"
_WORDS: Final = NAME_CHARACTERS


async def _filters(
    *,
    subject_kind: Annotated[str | None, Query(alias="subjectKind", max_length=_WORDS)] = None,
    subject_id: Annotated[str | None, Query(alias="subjectId", max_length=_WORDS)] = None,
    actor_kind: Annotated[str | None, Query(alias="actorKind", max_length=_WORDS)] = None,
    actor_id: Annotated[str | None, Query(alias="actorId", max_length=_WORDS)] = None,
    action: Annotated[
        str | None, Query(max_length=_WORDS, description="How the action begins, such as `api_key.`.")
    ] = None,
    since: Annotated[DueTime | None, Query(description="The first instant that counts.")] = None,
    until: Annotated[DueTime | None, Query(description="The first instant that does not any more.")] = None,
) -> AuditFilters:
    given: AuditFilters = {
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "actor_kind": actor_kind,
        "actor_id": actor_id,
        "action": action,
        "since": since,
        "until": until,
    }
    return cast("AuditFilters", {name: value for name, value in given.items() if value is not None})


Filters = Annotated[AuditFilters, Depends(_filters)]


@router.get("", name="list_audit_events", response_model=SliceData[AuditEventOut], responses=reading())
async def read_part(caller: Reader, asked: PartAsked, filters: Filters) -> Response:
    """List who changed what, newest first, by page or by cursor; nobody keeps a total. Scope: `audit:read`."""
    told = List(caller.resources.pepper, caller.principal.organization_id, "audit", dict(filters))
    after = asked.after(told)
    async with caller.unit_of_work() as (session, scope):
        part = await get_audit_slice(session, scope, after=after, **filters)
    return slice_of(part, AuditEventOut, asked=asked, of=told, total=None)


@router.get(_EVENT, name="read_audit_event", response_model=Data[AuditEventOut], responses=reading(NotFound))
async def read_one(caller: Reader, event_id: EventId) -> Response:
    """Read one change. Scope: `audit:read`."""
    async with caller.unit_of_work() as (session, scope):
        event = await get_audit_event(session, scope, event_id=event_id)
    return one(event, AuditEventOut)
