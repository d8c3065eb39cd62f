"""The application: its pages, what its script asks for, its own files; the guard stands before all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Final, TypeAlias

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fairlead.studio import actions, pages
from fairlead.studio.guard import Guard
from fairlead.studio.rendering import render
from fairlead.studio.sentences import shown
from fairlead.studio.visited import Studio

STATIC: Final = Path(__file__).parent / "static"
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
_log = structlog.get_logger(__name__)

_PAGES: Final[dict[str, Handler]] = {
    "/": pages.overview,
    "/open": pages.enter,
    "/migrations": pages.migrations,
    "/sql": pages.console,
    "/t/{table}": pages.table_rows,
    "/t/{table}/structure": pages.structure,
    "/t/{table}/row": pages.row,
    "/t/{table}/new": pages.new_row,
    "/t/{table}/export.{form}": pages.export,
}
_ASKED: Final[dict[str, Handler]] = {
    "/organizations": actions.organizations,
    "/t/{table}/cell": actions.cell,
    "/t/{table}/referring": actions.referring,
}
_DONE: Final[dict[str, Handler]] = {
    "/tenant": actions.choose_organization,
    "/sql/run": actions.run_statement,
    "/sql/cancel": actions.cancel_statement,
    "/t/{table}/change": actions.change_cell,
    "/t/{table}/add": actions.add_row,
    "/t/{table}/delete": actions.delete_row,
}


def create_studio(studio: Studio) -> Starlette:
    """Return the ASGI application of one studio."""
    app = Starlette(
        routes=[
            *(Route(path, _answering(handler, page=True)) for path, handler in _PAGES.items()),
            *(Route(path, _answering(handler, page=False)) for path, handler in _ASKED.items()),
            *(Route(path, _answering(handler, page=False), methods=["POST"]) for path, handler in _DONE.items()),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, door=studio.door)],
    )
    app.state.studio = studio
    return app


def _answering(handler: Handler, *, page: bool) -> Handler:
    """Turn errors into a page for people, or into an object for the script."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await _while_wanted(request, handler)
        except Exception as error:  # noqa: BLE001 - `_sentence` logs what nobody expected
            status, sentence = _sentence(error, request)
        if page:
            return render(request, "error.html", status_code=status, sentence=sentence, status=status)
        return JSONResponse({"error": sentence}, status_code=status)

    return answer


async def _while_wanted(request: Request, handler: Handler) -> Response:
    """Make a page for as long as the browser waits for it: when it has gone, the database stops as well."""
    if request.method != "GET":  # what changes something is done to its end
        return await handler(request)
    making, leaving = asyncio.ensure_future(handler(request)), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({making, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if making.done():
            return await making
        return Response(status_code=499)
    finally:
        making.cancel()
        leaving.cancel()
        await asyncio.gather(making, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _sentence(error: Exception, request: Request) -> tuple[int, str]:
    try:
        return shown(error)
    except Exception:  # noqa: BLE001 - nothing gets past this
        _log.exception("studio_request_failed", method=request.method, path=request.url.path)
        return 500, "Something went wrong in studio itself; its log says what."
