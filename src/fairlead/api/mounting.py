"""The two addresses of everything that an organization has.

Under `/api/organizations/{organizationId}` it is for the members of that organization and for its keys, under `/api`
for keys alone, which imply their organization. Both are the same handlers. What no key can do is at the longer one
only. The operations' names are those of the routes, in camelCase; of what is at both, the longer address's with what
tells them apart.

Routes are put together here as one plain list, once a process: routers inside of routers would look for theirs anew
with every request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi import APIRouter, Depends, params
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel

from fairlead.api.answers import Responses, reading
from fairlead.api.deps import OrganizationId
from fairlead.errors import NotFound

ORGANIZATION: Final = "/api/organizations/{organizationId}"


def routes_of(*routers: APIRouter) -> list[APIRoute]:
    """Return every route of routers that have no others inside."""
    found = [route for router in routers for route in router.routes]
    if others := [route for route in found if not isinstance(route, APIRoute)]:
        raise TypeError(f"these are not routes of their own: {others}")
    return [route for route in found if isinstance(route, APIRoute)]


def mounted(*nouns: APIRouter, itself: APIRouter, of_people: Sequence[APIRouter]) -> list[APIRoute]:
    """Return every route of `nouns` at both addresses, the shorter ones first.

    `itself` is what is about the organization itself, which a key calls `/api/organization`; `of_people` is what no key
    can do.
    """
    shorter = [_moved(route, "/api", named=short_name) for route in routes_of(*nouns)]
    shorter += [_moved(route, "/api/organization", named=short_name) for route in routes_of(itself)]
    responses: Responses = {NotFound.status: reading(NotFound)[NotFound.status]}
    naming = [Depends(_named)]
    longer = [(route, short_name) for route in routes_of(*of_people)]  # first: `members/me` is no member's id
    longer += [(route, _long_name) for route in routes_of(*nouns, itself)]
    return shorter + [
        _moved(route, ORGANIZATION, named=named, dependencies=naming, responses=responses) for route, named in longer
    ]


def short_name(route: Any) -> str:
    """Return the name of an operation in the document and in clients: `enqueue_item` is `enqueueItem`."""
    return to_camel(route.name)


def _long_name(route: Any) -> str:
    return f"{to_camel(route.name)}InOrganization"


async def _named(_organization_id: OrganizationId) -> None:
    """Let the document name the organization; who asks was compared with it before this."""


def _moved(
    route: APIRoute,
    prefix: str,
    *,
    named: Callable[[Any], str],
    dependencies: Sequence[params.Depends] = (),
    responses: Responses | None = None,
) -> APIRoute:
    """Return a route like this one below another address, with more dependencies and responses."""
    return type(route)(
        prefix + route.path,
        route.endpoint,
        methods=route.methods,
        name=route.name,
        status_code=route.status_code,
        tags=route.tags,
        dependencies=[*dependencies, *route.dependencies],
        response_model=route.response_model,
        response_class=route.response_class,
        responses={**(responses or {}), **route.responses},
        openapi_extra=route.openapi_extra,
        include_in_schema=route.include_in_schema,
        generate_unique_id_function=named,
    )
