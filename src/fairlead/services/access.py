"""Access: what somebody who showed a credential may do.

A `Person` comes only from a session that was checked, a `Principal` only from an API key that was checked or from a
person who is a member (`enter`); `require` turns it into the scope of its organization for one permission.
"""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope, TenantScope, tenant
from fairlead.domain.ids import is_id
from fairlead.domain.permissions import Permission
from fairlead.errors import Forbidden, NotFound
from fairlead.queries.items import get_item
from fairlead.queries.members import find_permissions


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in, in no organization yet."""

    user_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody in one organization: a member who is signed in, or a program that showed an API key.

    `permissions` are what the member's roles allow today, of a key those of its scopes that its maker still has.
    `queue_ids` None means every queue of the organization.
    """

    organization_id: str
    user_id: str
    permissions: frozenset[str]
    api_key_id: str | None = None
    session_id: str | None = None
    queue_ids: frozenset[str] | None = None


async def enter(session: Session, scope: SystemScope, *, person: Person, organization_id: str) -> Principal:
    """Return what a person may do in an organization; raises NotFound where they are no member of it."""
    permissions = await find_permissions(session, scope, organization_id=organization_id, user_id=person.user_id)
    if permissions is None:
        raise NotFound
    return Principal(organization_id, person.user_id, permissions, session_id=person.session_id)


def require(principal: Principal, permission: Permission, *, queue_id: str | None = None) -> TenantScope:
    """Return the scope of the principal's organization.

    Raises Forbidden, naming the permission that is missing, and NotFound for a queue that the key is not for: to this
    key it looks as if it did not exist.
    """
    if permission.value not in principal.permissions:
        who = "Your role here lacks the permission" if principal.api_key_id is None else "This API key lacks the scope"
        raise Forbidden(f"{who} '{permission.value}'.")
    if queue_id is not None and not _reaches(principal, queue_id):
        raise NotFound
    return tenant(principal.organization_id)


def require_every_queue(principal: Principal) -> None:
    """Raise Forbidden for a key that is for some queues, where what is told is of all of them."""
    if principal.queue_ids is not None:
        raise Forbidden("This API key is for some queues only, and this tells of all of them.")


def belonging(principal: Principal) -> TenantScope:
    """Return the scope of a member for what everybody may do to themselves; raises Forbidden for an API key."""
    if principal.session_id is None:
        raise Forbidden("This is for members who are signed in; an API key is revoked by one of them.")
    return tenant(principal.organization_id)


async def require_item(session: Session, scope: TenantScope, *, principal: Principal, item_id: str) -> None:
    """Raise NotFound for an item of a queue that the key is not for; asks the database only when it must.

    A deleted queue is still the key's: who holds an item of it may finish it.
    """
    if not is_id(item_id):
        raise NotFound
    if principal.queue_ids is not None:
        item = await get_item(session, scope, item_id=item_id, deleted=True)
        if item.queue_id not in principal.queue_ids:
            raise NotFound


def _reaches(principal: Principal, queue_id: str) -> bool:
    return is_id(queue_id) and (principal.queue_ids is None or queue_id in principal.queue_ids)
