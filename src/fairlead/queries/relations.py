"""Rows with their relations in one call: users, organizations, queues, API keys and roles.

`get_…_with` takes one id and raises NotFound, `get_…s_with` takes up to 1,000 and leaves out what is not there. What is
asked for, a field of the `…Include`, is a field of the answer; everything else raises NotIncluded (`queries/include.py`
has the rest: limits and orders, what it costs, what is not seen). `deleted` finds soft-deleted rows, too, and says
nothing of what they are related to: each relation is asked for that by itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import ColumnElement, func, text

from fairlead.db.session import Session
from fairlead.db.tenancy import Scope
from fairlead.domain.item_status import ItemStatus
from fairlead.queries.include import Many, Noun, One, ToMany, ToOne, With, read_one_with, read_with
from fairlead.queries.items import Item
from fairlead.rows import ApiKey, Organization, Queue, Role, User
from fairlead.schema.api_keys import ApiKey as ApiKeyTable
from fairlead.schema.organizations import Organization as OrganizationTable
from fairlead.schema.queue_items import QueueItem as QueueItemTable
from fairlead.schema.queues import Queue as QueueTable
from fairlead.schema.roles import Role as RoleTable
from fairlead.schema.users import User as UserTable


@dataclass(frozen=True, slots=True)
class ManyItems(Many):
    """Asks for items, those in one status where it is given. What it costs grows with what the queues hold."""

    status: ItemStatus | None = None


def _in_status(asked: Many) -> list[ColumnElement[bool]]:
    status = asked.status if isinstance(asked, ManyItems) else None
    return [] if status is None else [QueueItemTable.status == status]


def _item_column(name: str) -> ColumnElement[Any]:
    column: ColumnElement[Any] = getattr(QueueItemTable, name)
    live_never_finished = func.nullif(column, text("'infinity'"), type_=column.type).label(name)
    return live_never_finished if name == "finished_at" else column


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInclude:
    """What to read with users. The roles are all that they hold in the scope's organization, the system's, too."""

    organization: One | bool = False
    api_keys: Many | bool = False
    roles: Many | bool = False


@dataclass(frozen=True, slots=True)
class UserWith(With):
    """A user with what was asked for."""

    user: User
    organization = ToOne(UserTable.organization, model=Organization)
    api_keys = ToMany(UserTable.api_keys, model=ApiKey)
    roles = ToMany(UserTable.roles, model=Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationInclude:
    """What to read with organizations. The users are those at home in it, the roles its own, not the system's."""

    users: Many | bool = False
    queues: Many | bool = False
    roles: Many | bool = False
    api_keys: Many | bool = False


@dataclass(frozen=True, slots=True)
class OrganizationWith(With):
    """An organization with what was asked for."""

    organization: Organization
    users = ToMany(OrganizationTable.users, model=User)
    queues = ToMany(OrganizationTable.queues, model=Queue)
    roles = ToMany(OrganizationTable.roles, model=Role)
    api_keys = ToMany(OrganizationTable.api_keys, model=ApiKey)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueInclude:
    """What to read with queues; `ManyItems` asks for items in one status."""

    organization: One | bool = False
    creator: One | bool = False
    items: Many | bool = False


@dataclass(frozen=True, slots=True)
class QueueWith(With):
    """A queue with what was asked for."""

    queue: Queue
    organization = ToOne(QueueTable.organization, model=Organization)
    creator = ToOne(QueueTable.creator, model=User)
    items = ToMany(
        QueueTable.items, model=Item, shown=[_item_column(field.name) for field in fields(Item)], where=_in_status
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyInclude:
    """What to read with API keys."""

    user: One | bool = False
    organization: One | bool = False


@dataclass(frozen=True, slots=True)
class ApiKeyWith(With):
    """An API key with what was asked for."""

    api_key: ApiKey
    user = ToOne(ApiKeyTable.user, model=User)
    organization = ToOne(ApiKeyTable.organization, model=Organization)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleInclude:
    """What to read with roles. The users are those who hold it in the scope's organization."""

    users: Many | bool = False


@dataclass(frozen=True, slots=True)
class RoleWith(With):
    """A role with what was asked for."""

    role: Role
    users = ToMany(RoleTable.users, model=User)


_USERS: Final = Noun(UserTable, User, UserWith)
_ORGANIZATIONS: Final = Noun(OrganizationTable, Organization, OrganizationWith)
_QUEUES: Final = Noun(QueueTable, Queue, QueueWith)
_API_KEYS: Final = Noun(ApiKeyTable, ApiKey, ApiKeyWith)
_ROLES: Final = Noun(RoleTable, Role, RoleWith)


async def get_user_with(
    session: Session, scope: Scope, *, user_id: str, include: UserInclude, deleted: bool = False
) -> UserWith:
    """Return a user with what `include` asks for; raises NotFound."""
    return await read_one_with(session, scope, noun=_USERS, row_id=user_id, include=include, deleted=deleted)


async def get_users_with(
    session: Session, scope: Scope, *, user_ids: Collection[str], include: UserInclude, deleted: bool = False
) -> list[UserWith]:
    """Return those of these users who are there, in the order asked, with what `include` asks for."""
    return await read_with(session, scope, noun=_USERS, ids=user_ids, include=include, deleted=deleted)


async def get_organization_with(
    session: Session, scope: Scope, *, organization_id: str, include: OrganizationInclude, deleted: bool = False
) -> OrganizationWith:
    """Return an organization with what `include` asks for; raises NotFound."""
    return await read_one_with(
        session, scope, noun=_ORGANIZATIONS, row_id=organization_id, include=include, deleted=deleted
    )


async def get_organizations_with(
    session: Session,
    scope: Scope,
    *,
    organization_ids: Collection[str],
    include: OrganizationInclude,
    deleted: bool = False,
) -> list[OrganizationWith]:
    """Return those of these organizations that are there, in the order asked, with what `include` asks for."""
    return await read_with(session, scope, noun=_ORGANIZATIONS, ids=organization_ids, include=include, deleted=deleted)


async def get_queue_with(
    session: Session, scope: Scope, *, queue_id: str, include: QueueInclude, deleted: bool = False
) -> QueueWith:
    """Return a queue with what `include` asks for; raises NotFound."""
    return await read_one_with(session, scope, noun=_QUEUES, row_id=queue_id, include=include, deleted=deleted)


async def get_queues_with(
    session: Session, scope: Scope, *, queue_ids: Collection[str], include: QueueInclude, deleted: bool = False
) -> list[QueueWith]:
    """Return those of these queues that are there, in the order asked, with what `include` asks for."""
    return await read_with(session, scope, noun=_QUEUES, ids=queue_ids, include=include, deleted=deleted)


async def get_api_key_with(session: Session, scope: Scope, *, api_key_id: str, include: ApiKeyInclude) -> ApiKeyWith:
    """Return an API key, revoked or not, with what `include` asks for; raises NotFound."""
    return await read_one_with(session, scope, noun=_API_KEYS, row_id=api_key_id, include=include, deleted=False)


async def get_api_keys_with(
    session: Session, scope: Scope, *, api_key_ids: Collection[str], include: ApiKeyInclude
) -> list[ApiKeyWith]:
    """Return those of these API keys that are there, in the order asked, with what `include` asks for."""
    return await read_with(session, scope, noun=_API_KEYS, ids=api_key_ids, include=include, deleted=False)


async def get_role_with(session: Session, scope: Scope, *, role_id: str, include: RoleInclude) -> RoleWith:
    """Return a role, the system's or the organization's own, with what `include` asks for; raises NotFound."""
    return await read_one_with(session, scope, noun=_ROLES, row_id=role_id, include=include, deleted=False)


async def get_roles_with(
    session: Session, scope: Scope, *, role_ids: Collection[str], include: RoleInclude
) -> list[RoleWith]:
    """Return those of these roles that are there, in the order asked, with what `include` asks for."""
    return await read_with(session, scope, noun=_ROLES, ids=role_ids, include=include, deleted=False)
