"""API keys: making one, and telling whom a presented one stands for.

Only the HMAC of a key is stored; the raw key is returned once, by `create_api_key`, and never logged or audited.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from fairlead.db.rows import insert_row
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope, TenantScope
from fairlead.domain.api_keys import KeyKind, is_well_formed, key_hash, new_key, visible_prefix
from fairlead.domain.ids import is_id, new_id
from fairlead.domain.names import name_problem
from fairlead.domain.permissions import KEY_SCOPES
from fairlead.errors import Forbidden, NotFound, Unauthenticated
from fairlead.queries.api_keys import find_key_holder
from fairlead.queries.queues import find_queue_ids
from fairlead.queries.users import permissions_of
from fairlead.rows import ApiKey
from fairlead.schema.api_keys import ApiKey as ApiKeyTable
from fairlead.services import audit
from fairlead.services.access import Principal
from fairlead.services.checks import refuse


async def create_api_key(
    session: Session,
    scope: TenantScope,
    *,
    name: str,
    user_id: str,
    scopes: Collection[str],
    pepper: bytes,
    kind: KeyKind = "live",
    expires_at: datetime | None = None,
    queue_ids: Collection[str] | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> tuple[ApiKey, str]:
    """Make a key for a member; return it and the raw key, which cannot be had again.

    Raises ValidationFailed (also for a scope that does not exist or that no key may have, and for an unknown queue),
    NotFound for somebody who is not a member, and Forbidden for a scope that the member's roles lack.
    """
    await _check(session, scope, name=name, scopes=scopes, expires_at=expires_at, queue_ids=queue_ids)
    await _check_maker(session, scope, user_id=user_id, scopes=scopes)
    raw = new_key(kind)
    values = {
        "id": new_id(),
        "name": name,
        "key_hash": key_hash(raw, pepper=pepper),
        "key_prefix": visible_prefix(raw),
        "user_id": user_id,
        "scopes": sorted({str(wanted) for wanted in scopes}),
        "queue_ids": None if queue_ids is None else sorted(set(queue_ids)),
        "expires_at": expires_at,
    }
    made = await insert_row(session, scope, ApiKeyTable, values=values, model=ApiKey)
    await audit.record_change(session, scope, actor=actor, action="api_key.created", kind="api_key", after=made)
    return made, raw


async def authenticate(session: Session, scope: SystemScope, *, raw: str, pepper: bytes) -> Principal:
    """Return whom a raw key stands for, with the scopes that its maker's roles still allow.

    Raises Unauthenticated, always with the same sentence: for junk before any query, and for a key that is unknown,
    expired or revoked, or whose user or organization is gone.
    """
    if not is_well_formed(raw):
        raise Unauthenticated
    holder = await find_key_holder(session, scope, key_hash=key_hash(raw, pepper=pepper))
    if holder is None:
        raise Unauthenticated
    return Principal(
        organization_id=holder.organization_id,
        api_key_id=holder.api_key_id,
        user_id=holder.user_id,
        scopes=holder.scopes & holder.permissions,
        queue_ids=holder.queue_ids,
    )


async def _check(
    session: Session,
    scope: TenantScope,
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    queue_ids: Collection[str] | None,
) -> None:
    refused = sorted(set(scopes) - KEY_SCOPES)
    naive = expires_at is not None and expires_at.tzinfo is None
    possible = {queue_id for queue_id in queue_ids or () if is_id(queue_id)}
    unknown = set(queue_ids or ()) - await find_queue_ids(session, scope, queue_ids=possible)
    refuse(
        {
            "name": name_problem(name),
            "scopes": f"{', '.join(refused)}: no API key can have that" if refused else None,
            "expires_at": "must say its time zone" if naive else None,
            "queue_ids": f"{', '.join(sorted(unknown))}: no such queue here" if unknown else None,
        }
    )


async def _check_maker(session: Session, scope: TenantScope, *, user_id: str, scopes: Collection[str]) -> None:
    allowed = await permissions_of(session, scope, user_id=user_id)
    if not allowed:
        raise NotFound
    if lacking := sorted(set(scopes) - allowed):
        raise Forbidden(f"The key's maker lacks the permission '{lacking[0]}'.")
