"""One studio: everything that a request needs, and what a request says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.requests import Request

from fairlead.errors import NotFound, Unauthenticated, ValidationFailed
from fairlead.studio.access import Access, Organization
from fairlead.studio.changes import Changes
from fairlead.studio.console import Console
from fairlead.studio.filters import parsed
from fairlead.studio.guard import Door, Visit
from fairlead.studio.lists import Wanted
from fairlead.studio.shape import Shape, Table
from fairlead.toolkit.target import Target


@dataclass(frozen=True, slots=True)
class Studio:
    """What one run of `fairlead db studio` holds."""

    target: Target
    shape: Shape
    access: Access
    door: Door
    console: Console
    changes: Changes
    refused: tuple[str, ...] = ()  # tables that the reading login was not given


def studio_of(request: Request) -> Studio:
    """Return the studio that a request came to."""
    studio = request.app.state.studio
    if not isinstance(studio, Studio):
        raise TypeError("create_studio() sets it")
    return studio


def visit_of(request: Request) -> Visit:
    """Return the visit that a request belongs to; raises Unauthenticated."""
    visit = studio_of(request).door.visit(request)
    if visit is None:
        raise Unauthenticated
    return visit


def organization_of(request: Request) -> Organization | None:
    """Return the tenant that the visit looks at."""
    return visit_of(request).organization


def table_of(request: Request) -> Table:
    """Return the table that an address names; raises NotFound."""
    name = unquote(str(request.path_params["table"]))
    table = studio_of(request).shape.tables.get(name)
    if table is None:
        raise NotFound(f"There is no table {name!r} in {studio_of(request).target.name}.")
    return table


def key_of(request: Request) -> list[str]:
    """Return the key of a row in an address."""
    return request.query_params.getlist("k")


def wanted_of(request: Request, table: Table) -> Wanted:
    """Return which rows an address asks for; raises ValidationFailed."""
    given = request.query_params
    return Wanted(
        filters=parsed(table, given.getlist("f")),
        search=given.get("q", "").strip(),
        sort=given.get("sort", ""),
        down=given.get("dir") == "desc",
        after=given.get("after", ""),
        before=given.get("before", ""),
    )


async def body_of(request: Request) -> dict[str, Any]:
    """Return a request's JSON object; raises ValidationFailed."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise ValidationFailed("The request is no JSON.") from error
    if not isinstance(body, dict):
        raise ValidationFailed("The request is no JSON object.")
    return body
