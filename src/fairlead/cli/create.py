"""`fairlead org|user|key|queue create`: make the things a first request needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from fairlead.bootstrap import Resources, open_resources
from fairlead.cli.output import AsJson, show, to_json
from fairlead.cli.running import command, loaded, run
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope, system, tenant
from fairlead.errors import NotFound
from fairlead.queries.organizations import get_organization_by_slug
from fairlead.queries.users import get_user_by_email
from fairlead.rows import Organization, User
from fairlead.services import api_keys as key_services
from fairlead.services import organizations as organization_services
from fairlead.services import queues as queue_services
from fairlead.services import users as user_services

organizations = typer.Typer(help="Organizations, the tenants.", no_args_is_help=True)
users = typer.Typer(help="Users.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
queues = typer.Typer(help="Queues.", no_args_is_help=True)

_OPERATOR = system("an operator's command")
OrganizationSlug = Annotated[str, typer.Option("--organization", help="The organization's slug.", metavar="SLUG")]
DisplayName = Annotated[str, typer.Argument(help="What people call it.")]


@organizations.callback()
@users.callback()
@keys.callback()
@queues.callback()
def root() -> None:
    """Make the things a first request needs."""


@organizations.command("create")
@command
def create_organization(
    name: DisplayName,
    *,
    slug: Annotated[str, typer.Option(help="Its name in commands and addresses.")],
    as_json: AsJson = False,
) -> None:
    """Create an organization."""

    async def work(resources: Resources) -> Any:
        async with resources.database.unit_of_work(_OPERATOR) as session:
            return await organization_services.create_organization(session, _OPERATOR, name=name, slug=slug)

    show(done(work), as_json=as_json, title="Organization")


@users.command("create")
@command
def create_user(
    email: Annotated[str, typer.Argument(help="The address they sign in with.")],
    *,
    name: Annotated[str, typer.Option(help="What people call them.")],
    organization: OrganizationSlug,
    role: Annotated[str, typer.Option(help="owner, admin, member or viewer.")] = "member",
    as_json: AsJson = False,
) -> None:
    """Create a user as a member of an organization."""

    async def work(resources: Resources) -> Any:
        async with resources.database.unit_of_work(_OPERATOR) as session:
            home = tenant((await _organization(session, organization)).id)
            return await user_services.create_user(session, home, email=email, name=name, role=role)

    show(done(work), as_json=as_json, title="User")


@keys.command("create")
@command
def create_key(
    name: DisplayName,
    *,
    organization: OrganizationSlug,
    user: Annotated[str, typer.Option(help="The e-mail address of the member it acts for.", metavar="EMAIL")],
    scopes: Annotated[str, typer.Option(help="What it may do, comma-separated: items:enqueue,items:claim,…")],
    as_json: AsJson = False,
) -> None:
    """Create an API key; the raw key is shown this once."""

    async def work(resources: Resources) -> Any:
        scope = await scope_of(resources, organization)
        async with resources.database.unit_of_work(scope) as session:
            owner = await _member(session, scope, email=user, slug=organization)
            made, raw = await key_services.create_api_key(
                session,
                scope,
                name=name,
                user_id=owner.id,
                scopes=[part.strip() for part in scopes.split(",") if part.strip()],
                pepper=resources.pepper,
            )
        return {**to_json(made), "key": raw}

    show(done(work), as_json=as_json, title="API key (the key itself is not kept: store it now)")


@queues.command("create")
@command
def create_queue(
    name: DisplayName,
    *,
    organization: OrganizationSlug,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    max_attempts: Annotated[int, typer.Option(help="Attempts an item gets.")] = 3,
    lease_seconds: Annotated[int, typer.Option(help="How long a claim lasts without a renewal.")] = 30,
    max_concurrency: Annotated[
        int, typer.Option(help="Items that all workers together work on at once; 0 for no limit.")
    ] = 5,
    as_json: AsJson = False,
) -> None:
    """Create a queue."""

    async def work(resources: Resources) -> Any:
        scope = await scope_of(resources, organization)
        async with resources.database.unit_of_work(scope) as session:
            return await queue_services.create_queue(
                session,
                scope,
                name=name,
                description=description,
                max_attempts=max_attempts,
                lease_seconds=lease_seconds,
                max_concurrency=max_concurrency or None,
            )

    show(done(work), as_json=as_json, title="Queue")


async def scope_of(resources: Resources, slug: str) -> TenantScope:
    """Return the scope of the organization with this slug; raises NotFound that names it."""
    async with resources.database.unit_of_work(_OPERATOR) as session:
        return tenant((await _organization(session, slug)).id)


async def _organization(session: Session, slug: str) -> Organization:
    try:
        return await get_organization_by_slug(session, _OPERATOR, slug=slug)
    except NotFound:
        raise NotFound(f"There is no organization with the slug {slug!r}.") from None


async def _member(session: Session, scope: TenantScope, *, email: str, slug: str) -> User:
    try:
        return await get_user_by_email(session, scope, email=email)
    except NotFound:
        raise NotFound(f"The organization {slug!r} has no member with the address {email!r}.") from None


def done(work: Callable[[Resources], Awaitable[Any]]) -> Any:
    """Do a command's work with resources that are opened for it, and return what it returns."""

    async def opened() -> Any:
        async with open_resources(loaded(), application_name="fairlead command", pool_size=2) as resources:
            return await work(resources)

    return run(opened())
