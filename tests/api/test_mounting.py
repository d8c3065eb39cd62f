from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant

from fairlead.api import openapi
from fairlead.api.mounting import ORGANIZATION, routes_of


def asked(dependant: Dependant) -> Iterator[Dependant]:
    """Yield what is called for a request: the handler, and what it depends on."""
    yield dependant
    for below in dependant.dependencies:
        yield from asked(below)


def test_no_request_goes_to_a_thread() -> None:
    """Every handler and all that it depends on are coroutines: the framework would call anything else on a thread."""
    called = {part.call for route in openapi.routes() for part in asked(route.dependant)}

    assert len(called) > 80
    assert [call for call in called if not inspect.iscoroutinefunction(call)] == []


def test_a_noun_is_at_both_addresses() -> None:
    """What is below the one address is below the other, under another name, but for what no key can do."""
    by_path = {(route.path, *sorted(route.methods or ())): route for route in openapi.routes()}
    longer = {key: route for key, route in by_path.items() if route.path.startswith(f"{ORGANIZATION}/")}

    of_people = {key for key, route in longer.items() if not route.unique_id.endswith("InOrganization")}

    assert len(longer) > 60
    assert {path.removeprefix(ORGANIZATION).split("/")[1] for path, *_ in of_people} == {"api-keys", "members"}
    assert not [path for path, *_ in by_path if path.startswith("/api/api-keys")]
    for path, *methods in longer.keys() - of_people:
        route = longer[path, *methods]
        below = path.removeprefix(ORGANIZATION)
        shorter = by_path.get((f"/api{below}", *methods)) or by_path[f"/api/organization{below}", *methods]
        assert (route.endpoint, route.unique_id) == (shorter.endpoint, f"{shorter.unique_id}InOrganization")
        assert route.responses.keys() == shorter.responses.keys() | {404}


def test_a_router_inside_of_another_is_refused() -> None:
    """Routers are put together as one list; whoever nests one is told at once."""
    outer = APIRouter()
    outer.include_router(APIRouter())

    with pytest.raises(TypeError, match="not routes of their own"):
        routes_of(outer)
