"""The outbox of `fairlead dev`: the mails that would have been sent, tokens and all, for whoever develops.

No other command serves it, and nobody sees it but this machine: a page of another site that a browser shows here cannot
read it either, whatever its name resolves to.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.answers import many
from fairlead.api.cookies import is_loopback
from fairlead.bootstrap import Resources
from fairlead.db.tenancy import system
from fairlead.errors import NotFound
from fairlead.queries.kept_mails import latest_mails
from fairlead.wire.base import Sent

router = APIRouter(include_in_schema=False)
_SCOPE: Final = system("show the mails that were kept")


class KeptMailOut(Sent):
    """One mail."""

    recipient: str
    subject: str
    body: str
    created_at: datetime


@router.get("/outbox")
async def read_outbox(request: Request) -> Response:
    """Return the mails, the newest first."""
    peer = "" if request.client is None else request.client.host
    if not (is_loopback(request) and peer in {"127.0.0.1", "::1"}):
        raise NotFound
    resources: Resources = request.app.state.resources
    async with resources.database.unit_of_work(_SCOPE) as session:
        mails = await latest_mails(session, _SCOPE)
    return many(mails, KeptMailOut)
