"""The OpenAPI 3.1 document, and a page that shows it without loading anything from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from fairlead.api import (
    api_keys,
    audit_events,
    bulk,
    events,
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
from fairlead.api.auth import accounts, passwords, providers, second_factors, sessions, sign_ins, sign_ups
from fairlead.api.auth import invitations as invited
from fairlead.api.mounting import mounted, routes_of
from fairlead.api.openapi_parts import complete

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
    audit_events.router,
    events.router,
)
PERSON_NOUNS: Final = (  # of people who are signed in, or are about to be
    sign_ups.router,
    *sign_ins.ROUTERS,
    *providers.ROUTERS,
    accounts.router,
    sessions.router,
    *passwords.ROUTERS,
    second_factors.router,
    *invited.ROUTERS,
    organizations.router,
)
router = APIRouter(include_in_schema=False)
_STATIC: Final = Path(__file__).parent / "static"
_DESCRIPTION: Final = """\
Fair, multi-tenant work queues on PostgreSQL. Send an API key as `Authorization: Bearer <key>`; it implies the
organization. People who are signed in send the token of their session in the same way, or their browser its cookie,
and name the organization in the path. HEAD is answered wherever GET is, without the body. A query parameter that an
operation does not know is refused. Errors all have one shape, see `ErrorBody`; quote `requestId` when asking for help.
"""


@cache
def routes() -> tuple[APIRoute, ...]:
    """Return the route of every operation; the same for every application of one process."""
    return (
        *mounted(*TENANT_NOUNS, itself=organization.router, of_people=(api_keys.router, members.own)),
        *routes_of(*PERSON_NOUNS, health.router),
    )


@cache
def document() -> dict[str, Any]:
    """Return the document of every operation; the same for every process of one version."""
    made = get_openapi(
        title="Fairlead",
        version=version("fairlead"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        description=_DESCRIPTION,
        routes=routes(),
    )
    for operations in made["paths"].values():
        for operation in operations.values():
            _without_framework_errors(operation["responses"])
    for unused in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(unused, None)
    complete(made)
    return made


def methods_at(path: str) -> list[str]:
    """Return every method of an address; where several addresses fit, of the one that says most of itself."""
    fitting = ((pattern, methods) for pattern, methods in _addresses() if pattern.fullmatch(path))
    _, methods = next(fitting, (None, []))
    return methods


@cache
def _addresses() -> list[tuple[re.Pattern[str], list[str]]]:
    """Return every address of the document with its methods, those with the fewest parameters first."""
    found = sorted(document()["paths"].items(), key=lambda entry: str(entry[0]).count("{"))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), _known(methods)) for path, methods in found]


def _known(documented: Iterable[str]) -> list[str]:
    """Return the methods of an address that are documented, and HEAD where GET is (`api/edge.py`)."""
    known = {method.upper() for method in documented}
    return sorted(known | {"HEAD"} if "GET" in known else known)


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
