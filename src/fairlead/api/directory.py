"""Which operation a request is for, looked up by the parts of its address.

A router tries its routes one after the other, and there are nearly two hundred: more work than all the rest of a small
request. Here the parts of the address lead to the few routes of the same form, and of those the one is taken that a
router would take: the first that matches, before one that knows the address and not the method.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send


@dataclass(slots=True)
class _Place:
    """Where the parts of an address have led so far: what may follow, and the routes that end here, by their order."""

    below: dict[str, _Place] = field(default_factory=dict)
    parameter: _Place | None = None
    routes: list[tuple[int, APIRoute]] = field(default_factory=list)

    def part(self, text: str) -> _Place:
        """Return what follows with this part of a route's address, made when it is new."""
        if not text.startswith("{"):
            return self.below.setdefault(text, _Place())
        if self.parameter is None:
            self.parameter = _Place()
        return self.parameter

    def after(self, text: str) -> Iterator[_Place]:
        """Yield what follows with this part of an address that is asked for."""
        if (literal := self.below.get(text)) is not None:
            yield literal
        if self.parameter is not None:
            yield self.parameter


class Directory(BaseRoute):
    """Many routes as one; each part of their addresses is either a text or one parameter."""

    def __init__(self, routes: Sequence[APIRoute]) -> None:
        self.routes = tuple(routes)
        self._root = _Place()
        for order, route in enumerate(self.routes):
            place = self._root
            for part in route.path.split("/"):
                place = place.part(part)
            place.routes.append((order, route))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as a router with these routes would; which one it is stands in the scope, as `route`."""
        partial: Scope | None = None
        if scope["type"] == "http":
            for route in self._like(scope["path"].removeprefix(scope.get("root_path", ""))):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    return match, found
                if match is Match.PARTIAL and partial is None:
                    partial = found
        return (Match.NONE, {}) if partial is None else (Match.PARTIAL, partial)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route that matched answer."""
        await scope["route"].handle(scope, receive, send)

    def _like(self, path: str) -> list[APIRoute]:
        """Return the routes whose addresses have the form of this one, in their order."""
        places = [self._root]
        for part in path.split("/"):
            places = [following for place in places for following in place.after(part)]
        return [route for _, route in sorted((found for place in places for found in place.routes), key=_order)]


def _order(found: tuple[int, APIRoute]) -> int:
    return found[0]
