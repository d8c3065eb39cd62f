"""Access: what somebody who showed a credential may do.

A `Principal` comes only from a credential that was checked (`services/api_keys.authenticate`); `require` turns it
into the scope of its organization for one permission.
"""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope, tenant
from fairlead.domain.ids import is_id
from fairlead.domain.permissions import Permission
from fairlead.errors import Forbidden, NotFound
from fairlead.queries.items import get_item


@dataclass(frozen=True, slots=True)
class Principal:
    """A program that showed an API key. `queue_ids` None means every queue of the organization."""

    organization_id: str
    api_key_id: str
    user_id: str
    scopes: frozenset[str]
    queue_ids: frozenset[str] | None = None


def require(principal: Principal, permission: Permission, *, queue_id: str | None = None) -> TenantScope:
    """Return the scope of the principal's organization.

    Raises Forbidden, naming the scope that is missing, and NotFound for a queue that the key is not for: to this key
    it looks as if it did not exist.
    """
    if permission.value not in principal.scopes:
        raise Forbidden(f"This API key lacks the scope '{permission.value}'.")
    if queue_id is not None and not _reaches(principal, queue_id):
        raise NotFound
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
