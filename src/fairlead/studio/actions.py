"""What the page's script asks for and does: JSON in, JSON out. The guard let it in; the database may still refuse."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final, cast, get_args

from psycopg import errors
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fairlead.errors import ValidationFailed
from fairlead.studio import lists
from fairlead.studio.console import Mode
from fairlead.studio.organizations import find_organization, search_organizations
from fairlead.studio.shape import Column, Reference, Table
from fairlead.studio.view import counted_in_words, row_address
from fairlead.studio.visited import body_of, key_of, organization_of, studio_of, table_of, visit_of

_COUNT_SECONDS: Final = 0.7
_STATEMENT_LENGTH: Final = 200_000


async def organizations(request: Request) -> Response:
    """Return the tenants that what was typed may mean."""
    access = studio_of(request).access
    found = await search_organizations(access, request.query_params.get("q", ""))
    return JSONResponse([asdict(organization) for organization in found])


async def choose_organization(request: Request) -> Response:
    """Look at one tenant, or at all of them again."""
    slug = _text(await body_of(request), "slug")
    access, visit = studio_of(request).access, visit_of(request)
    visit.organization = await find_organization(access, slug) if slug and access.switches else None
    return JSONResponse({"organization": visit.organization and visit.organization.slug})


async def cell(request: Request) -> Response:
    """Return one value whole."""
    table = table_of(request)
    column = _column(table, request.query_params.get("column", ""))
    async with studio_of(request).access.looking(organization_of(request)) as connection:
        value = await lists.read_cell(connection, table, key_of(request), column=column)
    return JSONResponse({"value": value})


async def referring(request: Request) -> Response:
    """Return how many rows refer to a row, by each reference to its table; null where that takes too long."""
    table = table_of(request)
    async with studio_of(request).access.looking(organization_of(request)) as connection:
        values, _ = await lists.read_row(connection, table, key_of(request))
    named = dict(zip((column.name for column in table.columns), values, strict=True))
    counts = [await _counted(request, reference, named) for reference in table.referenced]
    return JSONResponse({"counts": counts})


async def _counted(request: Request, reference: Reference, named: dict[str, str | None]) -> str | None:
    values = [value for name in reference.other_columns if (value := named[name]) is not None]
    if len(values) != len(reference.columns):
        return None
    studio = studio_of(request)
    table = studio.shape.tables[reference.table]
    try:
        async with studio.access.looking(organization_of(request), seconds=_COUNT_SECONDS) as connection:
            return counted_in_words(await lists.count_referring(connection, reference, table, values))
    except errors.QueryCanceled:
        return None


async def run_statement(request: Request) -> Response:
    """Run a statement of the console."""
    body = await body_of(request)
    mode, text = _text(body, "mode"), _text(body, "sql")
    if mode not in get_args(Mode):
        raise ValidationFailed("A statement is run, explained or analyzed.")
    if len(text) > _STATEMENT_LENGTH or not text.strip():
        raise ValidationFailed("There is no statement, or it is too long.")
    studio = studio_of(request)
    answer = await studio.console.run(
        text, cast("Mode", mode), name=_text(body, "name"), organization=organization_of(request)
    )
    return JSONResponse(asdict(answer))


async def cancel_statement(request: Request) -> Response:
    """Cancel a running statement."""
    name = _text(await body_of(request), "name")
    return JSONResponse({"cancelled": await studio_of(request).console.cancel(name)})


async def change_cell(request: Request) -> Response:
    """Change one value of one row, if it is still what was seen; return it as the database keeps it."""
    studio, table, body = studio_of(request), table_of(request), await body_of(request)
    column, key = _column(table, _text(body, "column")), _texts(body, "key")
    await studio.changes.change_cell(
        table,
        key,
        column=column,
        seen=_value(body, "seen"),
        value=_value(body, "value"),
        organization=organization_of(request),
    )
    async with studio.access.looking(organization_of(request)) as connection:
        value = await lists.read_cell(connection, table, key, column=column)
    return JSONResponse({"value": value})


async def add_row(request: Request) -> Response:
    """Add a row; return the address of its page."""
    studio, table, body = studio_of(request), table_of(request), await body_of(request)
    values = body.get("values")
    if not isinstance(values, dict) or not all(isinstance(value, str | None) for value in values.values()):
        raise ValidationFailed("A row's values are texts or null.")
    key = await studio.changes.add_row(table, values, organization=organization_of(request))
    return JSONResponse({"address": row_address(table, key)}, status_code=201)


async def delete_row(request: Request) -> Response:
    """Delete a row."""
    studio, table, body = studio_of(request), table_of(request), await body_of(request)
    await studio.changes.delete_row(table, _texts(body, "key"), organization=organization_of(request))
    return JSONResponse({"deleted": True})


def _column(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise ValidationFailed(f"{table.address} has no column {name!r} that is shown.")
    return column


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise ValidationFailed(f"{name} is a text.")
    if "\0" in value:  # the driver would send what is before it
        raise ValidationFailed(f"{name} has a NUL character, which no text of PostgreSQL can have.")
    return value


def _value(body: dict[str, Any], name: str) -> str | None:
    return None if body.get(name) is None else _text(body, name)


def _texts(body: dict[str, Any], name: str) -> list[str]:
    values = body.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValidationFailed(f"{name} is a list of texts.")
    return values
