"""Whether this process lives, and whether it can work; for load balancers and orchestrators, without a key."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.answers import one
from fairlead.api.mounting import short_name
from fairlead.bootstrap import Resources
from fairlead.db.tenancy import system
from fairlead.errors import DatabaseUnavailable
from fairlead.wire.base import Sent
from fairlead.wire.error import ErrorBody
from fairlead.wire.page import Data

READY_SECONDS: Final = 2.0
router = APIRouter(tags=["health"], generate_unique_id_function=short_name)
_OPEN: Final[dict[str, Any]] = {"security": []}


class Health(Sent):
    """How the process is."""

    status: Literal["live", "ready"]


@router.get("/live", name="live", response_model=Data[Health], openapi_extra=_OPEN)
async def live() -> Response:
    """Tell that the process answers; asks nobody."""
    return one(Health(status="live"), Health)


@router.get(
    "/ready",
    response_model=Data[Health],
    openapi_extra=_OPEN,
    responses={503: {"model": ErrorBody, "description": "The database cannot be reached."}},
)
async def ready(request: Request) -> Response:
    """Tell whether requests can be served: whether the database answers within two seconds."""
    resources: Resources = request.app.state.resources
    try:
        async with asyncio.timeout(READY_SECONDS), resources.database.unit_of_work(system("readiness")):
            pass
    except TimeoutError:
        raise DatabaseUnavailable from None
    return one(Health(status="ready"), Health)
