"""The pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from fairlead.domain.ids import new_id
from fairlead.errors import Forbidden, NotFound
from fairlead.studio import catalogue, lists
from fairlead.studio.export import Format, exported
from fairlead.studio.filters import OPERATORS, operators_of
from fairlead.studio.lists import Wanted
from fairlead.studio.rendering import render
from fairlead.studio.shape import Table
from fairlead.studio.slowness import is_served, slow_because
from fairlead.studio.view import (
    COUNTED_EXACTLY,
    cells,
    chips,
    list_address,
    referred_address,
    sort_addresses,
    total_in_words,
)
from fairlead.studio.visited import key_of, organization_of, studio_of, table_of, wanted_of


async def enter(request: Request) -> Response:
    """Let the browser in that brings the token.

    The answer is a page of its own that goes on by itself: a redirect would be part of a navigation that some other
    program began, and the cookie is not sent for those.
    """
    studio = studio_of(request)
    value = studio.door.open(request.query_params.get("token", ""))
    if value is None:
        if studio.door.visit(request) is not None:
            return RedirectResponse("/", status_code=303)
        return render(request, "closed.html", status_code=401)
    response = render(request, "entered.html")
    response.set_cookie(studio.door.cookie, value, httponly=True, samesite="strict", path="/")
    return response


async def overview(request: Request) -> HTMLResponse:
    """Show the database and every table: how many rows, how big."""
    studio = studio_of(request)
    async with studio.access.looking(texts=False) as connection:
        server = await catalogue.read_server(connection)
    schemas = Counter(table.schema for table in studio.shape.tables.values())
    return render(request, "overview.html", here="overview", server=server, schemas=schemas)


async def migrations(request: Request) -> HTMLResponse:
    """Show the target's migrations, and which of them the database has."""
    studio = studio_of(request)
    async with studio.access.looking(texts=False) as connection:
        revisions = await catalogue.read_revisions(connection, studio.target)
    return render(request, "migrations.html", here="migrations", revisions=revisions)


async def console(request: Request) -> HTMLResponse:
    """Show the SQL console."""
    return render(request, "console.html", here="sql")


async def table_rows(request: Request) -> HTMLResponse:
    """Show a page of a table's rows."""
    studio, table, organization = studio_of(request), table_of(request), organization_of(request)
    wanted = wanted_of(request, table)
    async with studio.access.looking(organization) as connection:
        page = await lists.read_page(connection, table, wanted, organization)
        total = await _total(connection, table, wanted, shown=len(page.rows), bounded=organization is not None)
    return render(
        request,
        "rows.html",
        here=table.address,
        table=table,
        wanted=wanted,
        rows=[(row, cells(table, row, studio.shape.tables)) for row in page.rows],
        chips=chips(table, wanted),
        sorts=sort_addresses(table, wanted),
        operators={column.name: operators_of(column) for column in table.columns},
        words={name: [operator.words, operator.values] for name, operator in OPERATORS.items()},
        before=list_address(table, wanted, before=page.before) if page.before else "",
        after=list_address(table, wanted, after=page.after) if page.after else "",
        total=total,
        why_not=studio.changes.may(table),
        slow=slow_because(table, wanted, organization),
        served={column.name for column in table.columns if is_served(table, column, organization)},
    )


async def _total(connection: Any, table: Table, wanted: Wanted, *, shown: int, bounded: bool) -> str:
    """Return how many rows there are, where that can be said without reading them all."""
    if shown < lists.PAGE and not (wanted.after or wanted.before):
        return total_in_words(shown)
    if wanted.filters or wanted.search or bounded:
        return f"{shown} on this page"
    if table.rows_estimate >= COUNTED_EXACTLY:
        return f"about {table.rows_estimate:,} rows"
    return total_in_words(await lists.count_up_to(connection, table, COUNTED_EXACTLY))


async def structure(request: Request) -> HTMLResponse:
    """Show what a table consists of."""
    studio, table = studio_of(request), table_of(request)
    async with studio.access.looking(texts=False) as connection:
        found = await catalogue.read_structure(connection, table)
    return render(request, "structure.html", here=table.address, table=table, structure=found)


async def row(request: Request) -> HTMLResponse:
    """Show one row: every value in full, where it leads, what refers to it, and the row as JSON."""
    studio, table, organization = studio_of(request), table_of(request), organization_of(request)
    key = key_of(request)
    async with studio.access.looking(organization) as connection:
        values, text = await lists.read_row(connection, table, key)
    named = dict(zip((column.name for column in table.columns), values, strict=True))
    links: dict[str, str] = {}
    for reference in table.references:
        links.setdefault(reference.column, referred_address(reference, studio.shape.tables[reference.other], named))
    referring = [each for each in table.referenced if all(named.get(name) is not None for name in each.other_columns)]
    return render(
        request,
        "row.html",
        here=table.address,
        table=table,
        key=key,
        fields=list(zip(table.columns, values, strict=True)),
        named=named,
        links=links,
        referring=referring,
        text=text,
        why_not=studio.changes.may(table),
    )


async def new_row(request: Request) -> HTMLResponse:
    """Show the form for a new row, filled with what an address brings along."""
    studio, table, organization = studio_of(request), table_of(request), organization_of(request)
    if reason := studio.changes.may(table):
        raise Forbidden(reason)
    filled = {name: request.query_params[name] for name in request.query_params if table.column(name)}
    if table.drawn_key:
        filled.setdefault("id", new_id())
    if organization is not None and table.column("organization_id"):
        filled.setdefault("organization_id", organization.id)
    closed = [name for name in table.secret if name not in table.absent]
    return render(request, "new.html", here=table.address, table=table, filled=filled, closed=closed)


async def export(request: Request) -> Response:
    """Give the list as a file."""
    studio, table, form = studio_of(request), table_of(request), str(request.path_params["form"])
    if form not in {"csv", "json"}:
        raise NotFound("A list is exported as csv or json.")
    wanted = wanted_of(request, table)
    lists.order_of(table, wanted)  # what is wrong is said before the file begins
    stream = exported(studio.access, table, wanted, form=cast("Format", form), organization=organization_of(request))
    head = await anext(stream)  # so is what the database refuses
    name = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in table.address)
    return StreamingResponse(
        _behind(head, stream),
        media_type="text/csv; charset=utf-8" if form == "csv" else "application/json",
        headers={"content-disposition": f'attachment; filename="{name}.{form}"'},
    )


async def _behind(head: bytes, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for part in stream:
        yield part
