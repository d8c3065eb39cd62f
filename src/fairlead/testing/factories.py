"""Factories: each call makes one thing in the database, through the services, so never what the product would refuse.

A call is a transaction of its own and returns what is there after it. Whatever has to be unique is so by default, also
between processes that share a database, and can be given instead. They raise what the services raise.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any, Final, NamedTuple, TypedDict, Unpack

from fairlead.db.session import Database
from fairlead.db.tenancy import Scope, TenantScope, system, tenant
from fairlead.domain.api_keys import KeyKind
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import KEY_SCOPES, SYSTEM_ROLES
from fairlead.queries.items import Item, find_items
from fairlead.queries.users import permissions_of
from fairlead.rows import ApiKey, Organization, Queue, Role, Schedule, User
from fairlead.services.api_keys import create_api_key
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.organizations import create_organization, found_organization, update_organization
from fairlead.services.queue_rules import QueueRules
from fairlead.services.queues import create_queue
from fairlead.services.roles import create_role
from fairlead.services.schedules import ScheduleRules, create_schedule
from fairlead.services.users import create_user

SECRET: Final = "this secret is for tests only, everybody knows it"  # noqa: S105 - as it says itself
_PEPPER: Final = SECRET.encode()
_SCOPE: Final = system("factories of tests")
_NUMBERS: Final = count(1)


class OrganizationRules(TypedDict, total=False):
    """An organization's share of the workers, and its limits."""

    weight: int
    max_queue_depth: int | None
    max_concurrency: int | None


class ItemFields(TypedDict, total=False):
    """What may be given for items beside their payloads, the same for each of them."""

    task: str | None
    priority: int | None
    max_attempts: int | None
    scheduled_for: datetime | None
    delay_seconds: float | None
    tags: Sequence[str]


class MadeKey(NamedTuple):
    """An API key, and the raw key that a request shows."""

    api_key: ApiKey
    raw: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organization with an owner, a queue, and an API key of the owner's: `key` is what a request shows."""

    organization: Organization
    owner: User
    queue: Queue
    api_key: ApiKey
    key: str

    @property
    def scope(self) -> TenantScope:
        """The scope of this organization."""
        return tenant(self.organization.id)


async def make_tenant(
    database: Database,
    *,
    name: str | None = None,
    slug: str | None = None,
    owner_email: str | None = None,
    owner_name: str = "Owner",
    queue_name: str = "default",
    pepper: bytes = _PEPPER,
) -> Tenant:
    """Make an organization with an owner, a queue, and a key of the owner's that may do all a key may."""
    unique = _unique("tenant")
    async with database.unit_of_work(_SCOPE) as session:
        founded = await found_organization(
            session,
            _SCOPE,
            name=_given(name, unique),
            slug=_given(slug, unique),
            owner_email=_given(owner_email, f"owner@{unique}.example.com"),
            owner_name=owner_name,
            queue_name=queue_name,
        )
    scope = tenant(founded.organization.id)
    api_key, raw = await make_api_key(database, scope, user_id=founded.owner.id, pepper=pepper)
    return Tenant(founded.organization, founded.owner, founded.queue, api_key, raw)


async def make_organization(
    database: Database, *, name: str | None = None, slug: str | None = None, **rules: Unpack[OrganizationRules]
) -> Organization:
    """Make an organization with nobody in it."""
    unique = _unique("organization")
    async with database.unit_of_work(_SCOPE) as session:
        made = await create_organization(session, _SCOPE, name=_given(name, unique), slug=_given(slug, unique))
        if rules:
            made = await update_organization(session, _SCOPE, organization_id=made.id, **rules)
    return made


async def make_user(
    database: Database,
    scope: Scope,
    *,
    email: str | None = None,
    name: str | None = None,
    image: str | None = None,
    role: str = "member",
) -> User:
    """Make a user with a role, by its id, in the scope's organization; in a SystemScope the user is at home nowhere."""
    unique = _unique("user")
    address = _given(email, f"{unique}@example.com")
    async with database.unit_of_work(scope) as session:
        return await create_user(session, scope, email=address, name=_given(name, unique), image=image, role=role)


async def make_role(
    database: Database,
    scope: TenantScope,
    *,
    name: str | None = None,
    permissions: Collection[str] = SYSTEM_ROLES["viewer"],
    description: str | None = None,
) -> Role:
    """Make a role; by default it may do what a viewer may."""
    name = _given(name, _unique("role"))
    async with database.unit_of_work(scope) as session:
        return await create_role(session, scope, name=name, permissions=permissions, description=description)


async def make_queue(
    database: Database,
    scope: TenantScope,
    *,
    name: str | None = None,
    created_by: str | None = None,
    **rules: Unpack[QueueRules],
) -> Queue:
    """Make a queue."""
    name = _given(name, _unique("queue"))
    async with database.unit_of_work(scope) as session:
        return await create_queue(session, scope, name=name, created_by=created_by, **rules)


async def make_schedule(
    database: Database,
    scope: TenantScope,
    *,
    queue_id: str,
    name: str | None = None,
    cron: str = "@daily",
    **rules: Unpack[ScheduleRules],
) -> Schedule:
    """Make a schedule; by default it runs at midnight in UTC."""
    name = _given(name, _unique("schedule"))
    async with database.unit_of_work(scope) as session:
        return await create_schedule(session, scope, queue_id=queue_id, name=name, cron=cron, **rules)


async def make_items(
    database: Database,
    scope: TenantScope,
    *,
    queue_id: str,
    count: int = 1,
    payloads: Sequence[Mapping[str, Any]] | None = None,
    **fields: Unpack[ItemFields],
) -> list[Item]:
    """Enqueue an item for each of `payloads`, or `count` items with {"number": 0}, {"number": 1} and so on.

    Returns them in that order.
    """
    wanted = [{"number": number} for number in range(count)] if payloads is None else payloads
    items = [ItemInput(dict(payload), **fields) for payload in wanted]
    async with database.unit_of_work(scope) as session:
        ids = await enqueue_items(session, scope, queue_id=queue_id, items=items)
        found = await find_items(session, scope, item_ids=ids)
    return [found[item_id] for item_id in ids]


async def make_api_key(
    database: Database,
    scope: TenantScope,
    *,
    user_id: str,
    name: str | None = None,
    scopes: Collection[str] | None = None,
    kind: KeyKind = "test",
    expires_at: datetime | None = None,
    queue_ids: Collection[str] | None = None,
    pepper: bytes = _PEPPER,
) -> MadeKey:
    """Make an API key of a member's; by default it may do all that a key may and this member too.

    A server takes it when its FAIRLEAD_SECRET is `SECRET`, or when `pepper` is that server's own.
    """
    name = _given(name, _unique("key"))
    async with database.unit_of_work(scope) as session:
        if scopes is None:
            scopes = KEY_SCOPES & await permissions_of(session, scope, user_id=user_id)
        made, raw = await create_api_key(
            session,
            scope,
            user_id=user_id,
            name=name,
            scopes=scopes,
            kind=kind,
            expires_at=expires_at,
            queue_ids=queue_ids,
            pepper=pepper,
        )
    return MadeKey(made, raw)


def _given(value: str | None, default: str) -> str:
    return default if value is None else value


def _unique(noun: str) -> str:
    """Return a name that nothing else has: what number it is in this process, and which process that is."""
    return f"{noun}-{next(_NUMBERS)}-{_process(os.getpid())}"


@cache
def _process(_number: int) -> str:
    """Return the same letters to one process, others to one that was forked from it."""
    return new_id()[:12]
