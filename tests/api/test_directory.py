from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from fairlead.api import openapi
from fairlead.api.directory import Directory

NDJSON = "application/x-ndjson"
METHODS = ("GET", "POST", "HEAD")


def scope_of(path: str, method: str = "GET", *, media_type: str = "application/json", root: str = "") -> Scope:
    """Return what a server says of a request."""
    headers = [(b"content-type", media_type.encode())]
    return {"type": "http", "path": path, "method": method, "headers": headers, "root_path": root}


def tried(routes: tuple[APIRoute, ...], scope: Scope) -> tuple[Match, Scope]:
    """Return what a router finds that tries one route after the other."""
    partly: tuple[Match, Scope] = (Match.NONE, {})
    for route in routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            return match, found
        if match is Match.PARTIAL and partly[0] is Match.NONE:
            partly = match, found
    return partly


def addresses() -> list[str]:
    """Return addresses of every form that there is, and some that nothing is at."""
    known = [route.path.replace("{", "").replace("}", "") for route in openapi.routes()]
    return [
        *known,
        *(path + "/" for path in known),
        *(path + "/more" for path in known),
        "",
        "/",
        "/api",
        "//",
        "/api//x",
    ]


@pytest.mark.parametrize("media_type", ["application/json", NDJSON])
def test_it_finds_what_trying_one_after_the_other_finds(media_type: str) -> None:
    """Every address of every form, with every method: the same route, parameters and degree of matching."""
    routes = openapi.routes()
    directory = Directory(routes)
    for path in addresses():
        for method in METHODS:
            scope = scope_of(path, method, media_type=media_type)
            assert directory.matches(scope) == tried(routes, scope), (method, path)


def test_what_begins_with_a_brace_is_no_parameter() -> None:
    """An address that was asked with braces in it finds the operations that take anything there, and only these."""
    match, found = Directory(openapi.routes()).matches(scope_of("/api/items/{itemId}"))

    assert match is Match.FULL
    assert found["path_params"] == {"itemId": "{itemId}"}
    assert Directory(openapi.routes()).matches(scope_of("/{api}/items/x")) == (Match.NONE, {})


def test_an_application_below_another_address_finds_its_own() -> None:
    """What another application has taken off the address in front of it is not looked at."""
    match, found = Directory(openapi.routes()).matches(scope_of("/jobs/live", root="/jobs"))

    assert match is Match.FULL
    assert found["route"].name == "live"


def test_a_connection_that_is_no_request_is_nobodys() -> None:
    """A web socket finds nothing."""
    assert Directory(openapi.routes()).matches({**scope_of("/live"), "type": "websocket"}) == (Match.NONE, {})
