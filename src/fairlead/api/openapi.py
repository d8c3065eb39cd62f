"""The OpenAPI 3.1 document, and a page that shows it without loading anything from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from fairlead.api import (
    api_keys,
    audit_events,
    bulk,
    health,
    invitations,
    item_changes,
    item_streams,
    items,
    lease_batches,
    leases,
    members,
    organization,
    organizations,
    queues,
    roles,
    schedules,
    users,
    workers,
)
from fairlead.api.auth import accounts, passwords, second_factors, sessions, sign_ins, sign_ups
from fairlead.api.auth import invitations as invited
from fairlead.api.cookies import COOKIE
from fairlead.api.mounting import ORGANIZATION, mounted

TENANT_NOUNS: Final = (  # mounted at two addresses, the busiest first
    item_streams.router,
    items.router,
    leases.router,
    lease_batches.router,
    item_changes.router,
    bulk.router,
    queues.router,
    schedules.router,
    workers.router,
    members.router,
    invitations.router,
    users.router,
    roles.router,
    api_keys.router,
    audit_events.router,
)
PERSON_NOUNS: Final = (  # of people who are signed in, or are about to be
    sign_ups.router,
    sign_ins.router,
    accounts.router,
    sessions.router,
    passwords.router,
    second_factors.router,
    invited.router,
    organizations.router,
)
ROUTERS: Final = (mounted(*TENANT_NOUNS, itself=organization.router), *PERSON_NOUNS, health.router)
router = APIRouter(include_in_schema=False)
_STATIC: Final = Path(__file__).parent / "static"
_DESCRIPTION: Final = """\
Fair, multi-tenant work queues on PostgreSQL. Send an API key as `Authorization: Bearer <key>`; it implies the
organization. People who are signed in send the token of their session in the same way, or their browser its cookie,
and name the organization in the path. Errors all have one shape, see `ErrorBody`; quote `requestId`
when asking for help."""


@cache
def document() -> dict[str, Any]:
    """Return the document of every operation; the same for every process of one version."""
    made = get_openapi(
        title="Fairlead",
        version=version("fairlead"),
        description=_DESCRIPTION,
        routes=[route for router in ROUTERS for route in router.routes],
    )
    for path, operations in made["paths"].items():
        for operation in operations.values():
            _without_framework_errors(operation["responses"])
            if path.startswith(ORGANIZATION):
                operation["security"] = [{"apiKey": []}, {"session": []}, {"cookie": []}]
    for unused in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(unused, None)
    made["components"]["securitySchemes"] = {
        "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: `flk_live_…` or `flk_test_…`."},
        "session": {"type": "http", "scheme": "bearer", "description": "The token of a session: `fls_…`."},
        "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "The same, kept by a browser."},
    }
    made["security"] = [{"apiKey": []}]
    return made


def _without_framework_errors(responses: dict[str, Any]) -> None:
    """Take out the framework's own answer to wrong fields, which ours replaces, unless 422 is one of ours."""
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]


@router.get("/openapi.json")
async def read_document(_request: Request) -> Response:
    """Return the document."""
    return Response(orjson.dumps(document()), media_type="application/json")


@router.get("/docs")
async def read_page(_request: Request) -> Response:
    """Return the page."""
    headers = {"Content-Security-Policy": "default-src 'self'"}
    return FileResponse(_STATIC / "docs.html", media_type="text/html", headers=headers)


@router.get("/docs/docs.js")
async def read_script(_request: Request) -> Response:
    """Return the page's script."""
    return FileResponse(_STATIC / "docs.js", media_type="text/javascript")


@router.get("/docs/docs.css")
async def read_style(_request: Request) -> Response:
    """Return the page's style."""
    return FileResponse(_STATIC / "docs.css", media_type="text/css")
