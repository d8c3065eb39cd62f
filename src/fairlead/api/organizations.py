"""A person's organizations over HTTP: making one, and listing those they belong to."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import creating, one, page_of, reading
from fairlead.api.deps import PageWindow, PersonRoute, Search, SignedIn
from fairlead.api.mounting import short_name
from fairlead.api.once import Once
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope, system
from fairlead.errors import Conflict
from fairlead.queries.organizations import get_page_of_member
from fairlead.services.organizations import found_organization_for
from fairlead.wire.organizations import NewOrganization, OrganizationOut
from fairlead.wire.page import Data, PageData

router = APIRouter(
    prefix="/api/organizations",
    tags=["organizations"],
    route_class=PersonRoute,
    generate_unique_id_function=short_name,
)
_OWN: Final[dict[str, Any]] = {"security": [{"session": []}, {"cookie": []}]}
_SCOPE: Final = system("a person's own organizations")


@router.post(
    "",
    name="create_organization",
    status_code=201,
    response_model=Data[OrganizationOut],
    responses=creating(Conflict),
    openapi_extra=_OWN,
)
async def create(once: Once, individual: SignedIn, body: NewOrganization) -> Response:
    """Make an organization with a first queue, `default`; whoever is signed in owns it."""

    async def work(session: Session, scope: SystemScope) -> Response:
        made = await found_organization_for(
            session, scope, name=body.name, slug=body.slug, user_id=individual.person.user_id, actor=individual.actor
        )
        return one(made, OrganizationOut, status=201, location=f"/api/organizations/{made.id}")

    return await once.answer_individual(individual, work, above=_SCOPE)


@router.get(
    "",
    name="list_organizations",
    response_model=PageData[OrganizationOut],
    responses=reading(),
    openapi_extra=_OWN,
)
async def read_page(individual: SignedIn, window: PageWindow, search: Search = "") -> Response:
    """List the organizations that whoever is signed in belongs to, newest first."""
    user_id = individual.person.user_id
    async with individual.resources.database.unit_of_work(_SCOPE) as session:
        page = await get_page_of_member(session, _SCOPE, user_id=user_id, window=window, search=search)
    return page_of(page, OrganizationOut)
