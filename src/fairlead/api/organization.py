"""One organization over HTTP: itself, its limits, and how much of everything it has."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import changing, one, reading
from fairlead.api.deps import Caller, TenantRoute, may
from fairlead.api.versions import Expected
from fairlead.domain.permissions import Permission
from fairlead.errors import Conflict, NotFound, PreconditionFailed
from fairlead.queries.organizations import get_organization
from fairlead.queries.usage import get_usage
from fairlead.services.organizations import soft_delete_organization, update_organization
from fairlead.wire.organizations import (
    ItemsByStatus,
    LimitsOut,
    OrganizationOut,
    UpdateLimits,
    UpdateOrganization,
    UsageOut,
)
from fairlead.wire.page import Data

router = APIRouter(tags=["organizations"], route_class=TenantRoute)
Reader = Annotated[Caller, may(Permission.ORGANIZATION_READ)]
UsageReader = Annotated[Caller, may(Permission.ORGANIZATION_READ, of_every_queue=True)]
Manager = Annotated[Caller, may(Permission.ORGANIZATION_MANAGE)]
_ONE: Final = Data[OrganizationOut]
_LIMITS: Final = Data[LimitsOut]


@router.get("", name="read_organization", response_model=_ONE, responses=reading(NotFound))
async def read(caller: Reader) -> Response:
    """Read the organization. Scope: `organization:read`."""
    async with caller.unit_of_work() as (session, scope):
        found = await get_organization(session, scope, organization_id=scope.organization_id)
    return one(found, OrganizationOut)


@router.patch(
    "", name="update_organization", response_model=_ONE, responses=changing(NotFound, Conflict, PreconditionFailed)
)
async def update(caller: Manager, expected: Expected, body: UpdateOrganization) -> Response:
    """Change the fields given. Scope: `organization:manage`."""
    async with caller.unit_of_work() as (session, scope):
        after = await update_organization(
            session,
            scope,
            organization_id=scope.organization_id,
            expected=expected,
            actor=caller.actor,
            **body.given,
        )
    return one(after, OrganizationOut)


@router.delete("", name="delete_organization", status_code=204, responses=reading(NotFound, PreconditionFailed))
async def delete(caller: Manager, expected: Expected) -> Response:
    """Delete the organization: its keys stop and nobody finds it, until whoever runs Fairlead restores it.

    Scope: `organization:manage`.
    """
    async with caller.unit_of_work() as (session, scope):
        await soft_delete_organization(
            session, scope, organization_id=scope.organization_id, expected=expected, actor=caller.actor
        )
    return Response(status_code=204)


@router.get("/limits", name="read_limits", response_model=_LIMITS, responses=reading(NotFound))
async def read_limits(caller: Reader) -> Response:
    """Read what the organization may have at most. Scope: `organization:read`."""
    async with caller.unit_of_work() as (session, scope):
        found = await get_organization(session, scope, organization_id=scope.organization_id)
    return one(found, LimitsOut)


@router.patch("/limits", name="update_limits", response_model=_LIMITS, responses=changing(NotFound, PreconditionFailed))
async def update_limits(caller: Manager, expected: Expected, body: UpdateLimits) -> Response:
    """Change the limits given; they hold from the next enqueue or claim on. Scope: `organization:manage`."""
    async with caller.unit_of_work() as (session, scope):
        after = await update_organization(
            session,
            scope,
            organization_id=scope.organization_id,
            expected=expected,
            actor=caller.actor,
            **body.given,
        )
    return one(after, LimitsOut)


@router.get("/usage", name="read_usage", response_model=Data[UsageOut], responses=reading())
async def read_usage(caller: UsageReader) -> Response:
    """Read how much of everything the organization has now. Scope: `organization:read`."""
    async with caller.unit_of_work() as (session, scope):
        usage = asdict(await get_usage(session, scope))
    return one({**usage, "items": ItemsByStatus.model_validate(usage)}, UsageOut)
