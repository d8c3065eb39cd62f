"""Workers over HTTP: who works on the organization's items."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import many, reading
from fairlead.api.deps import ItemReader, TenantRoute
from fairlead.queries.workers import get_workers
from fairlead.wire.page import Data
from fairlead.wire.workers import WorkerOut

router = APIRouter(prefix="/workers", tags=["workers"], route_class=TenantRoute)


@router.get("", name="list_workers", response_model=Data[list[WorkerOut]], responses=reading())
async def read_all(caller: ItemReader) -> Response:
    """List who holds items now, by name, at most 1,000. Scope: `items:read`."""
    async with caller.unit_of_work() as (session, scope):
        found = await get_workers(session, scope, queue_ids=caller.principal.queue_ids)
    return many(found, WorkerOut)
