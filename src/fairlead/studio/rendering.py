"""Templates: every value is escaped, every name must be there."""

from __future__ import annotations

from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from fairlead.studio.view import (
    list_address,
    plural,
    referring_address,
    row_address,
    rows_in_words,
    size_in_words,
    table_address,
)
from fairlead.studio.visited import studio_of


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fairlead.studio"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(rows=rows_in_words, size=size_in_words)
    environment.globals.update(
        table_address=table_address,
        row_address=row_address,
        list_address=list_address,
        referring_address=referring_address,
        plural=plural,
    )
    return environment


_TEMPLATES: Final = _environment()


def render(request: Request, template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """Return a page; every page knows the studio, the visit and where it is."""
    studio = studio_of(request)
    visit = studio.door.visit(request)
    shown = {
        "studio": studio,
        "tables": studio.shape.tables,
        "writable": studio.access.writable,
        "organization": visit.organization if visit else None,
        "csrf": visit.csrf if visit else "",
        "path": request.url.path,
        "here": "",
        **values,
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(shown), status_code=status_code)
