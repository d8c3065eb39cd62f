"""The two addresses of everything that an organization has.

Under `/api/organizations/{organizationId}` it is for the members of that organization and for its keys, under `/api`
for keys alone, which imply their organization. Both are the same handlers. The operations' names are those of the
routes, in camelCase; of the longer address with what tells them apart.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Depends
from pydantic.alias_generators import to_camel

from fairlead.api.answers import reading
from fairlead.api.deps import OrganizationId
from fairlead.errors import NotFound

ORGANIZATION: Final = "/api/organizations/{organizationId}"


def mounted(*nouns: APIRouter, itself: APIRouter) -> APIRouter:
    """Return one router with every route of `nouns` at both addresses, the shorter ones first.

    `itself` is what is about the organization itself, which a key calls `/api/organization`.
    """
    both = APIRouter()
    for noun in nouns:
        both.include_router(noun, prefix="/api", generate_unique_id_function=short_name)
    both.include_router(itself, prefix="/api/organization", generate_unique_id_function=short_name)
    for noun in (*nouns, itself):
        both.include_router(
            noun,
            prefix=ORGANIZATION,
            dependencies=[Depends(_named)],
            responses={NotFound.status: reading(NotFound)[NotFound.status]},
            generate_unique_id_function=_long_name,
        )
    return both


def short_name(route: Any) -> str:
    """Return the name of an operation in the document and in clients: `enqueue_item` is `enqueueItem`."""
    return to_camel(route.name)


def _long_name(route: Any) -> str:
    return f"{to_camel(route.name)}InOrganization"


def _named(_organization_id: OrganizationId) -> None:
    """Let the document name the organization; who asks was compared with it before this."""
