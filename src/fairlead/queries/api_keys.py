"""API keys: what people may see of one, and what a presented one stands for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sqlalchemy import ColumnElement, and_, exists, false, select

from fairlead.db.rows import NOW, columns, get_row, read_rows, visible
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope, SystemScope
from fairlead.domain.ids import is_id
from fairlead.queries.page import After, Page, Slice, Window, read_page, read_slice
from fairlead.queries.search import matches
from fairlead.rows import ApiKey
from fairlead.schema.api_keys import ApiKey as ApiKeyTable

KeyState: TypeAlias = Literal["current", "expired", "revoked"]

# Once a second for each key in use. The hashes are unique, the rest are primary keys.
HOLDER: Final = Statement("""
select k.key_hash, k.id, k.organization_id, k.user_id, k.scopes, granted.permissions, k.queue_ids
from api_keys k
join users u on u.id = k.user_id and u.deleted_at is null
join organizations o on o.id = k.organization_id and o.deleted_at is null
cross join lateral (
    select array_agg(distinct p.permission) as permissions
    from user_roles m
    join roles r on r.owner_scope = m.role_scope and r.id = m.role_id
    cross join unnest(r.permissions) as p (permission)
    where m.organization_id = k.organization_id and m.user_id = k.user_id
) granted
where k.key_hash = any (:key_hashes) and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > statement_timestamp())
    and granted.permissions is not null
""")


_LASTING: Final = ApiKeyTable.expires_at.is_(None) | (ApiKeyTable.expires_at > NOW)
_KEPT: Final = ApiKeyTable.revoked_at.is_(None)
_STATES: Final[dict[KeyState, ColumnElement[bool]]] = {
    "current": and_(_KEPT, _LASTING),
    "expired": and_(_KEPT, ApiKeyTable.expires_at <= NOW),
    "revoked": ApiKeyTable.revoked_at.is_not(None),
}


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """What a current key stands for: the scopes it was given, and what its maker's roles allow today."""

    api_key_id: str
    organization_id: str
    user_id: str
    scopes: frozenset[str]
    permissions: frozenset[str]
    queue_ids: frozenset[str] | None


async def find_key_holders(
    session: Session, _scope: SystemScope, *, key_hashes: Collection[str]
) -> dict[str, KeyHolder]:
    """Return by the hashes of keys whom they stand for.

    A key is left out that is unknown, expired or revoked, whose user or organization is deleted, or whose user may do
    nothing there any more.
    """
    rows = await session.run(HOLDER, {"key_hashes": list(key_hashes)})
    found = {}
    for hashed, api_key_id, organization_id, user_id, scopes, permissions, queue_ids in rows:
        queues = None if queue_ids is None else frozenset(queue_ids)
        whose = (api_key_id, organization_id, user_id)
        found[hashed] = KeyHolder(*whose, frozenset(scopes), frozenset(permissions), queues)
    return found


async def get_api_key(session: Session, scope: Scope, *, api_key_id: str) -> ApiKey:
    """Return a key, whatever its state; raises NotFound for an unknown or another organization's one."""
    return await get_row(session, scope, ApiKeyTable, key={"id": api_key_id}, model=ApiKey)


async def keys_of(session: Session, scope: Scope, *, user_id: str) -> list[ApiKey]:
    """Return every key that acts for a user, ended or not, in the order they were made."""
    if not is_id(user_id):
        return []
    statement = select(*columns(ApiKeyTable, ApiKey)).where(
        *visible(scope, ApiKeyTable), ApiKeyTable.user_id == user_id
    )
    return await read_rows(session, statement.order_by(ApiKeyTable.created_at, ApiKeyTable.id), model=ApiKey)


async def get_api_key_page(
    session: Session,
    scope: Scope,
    *,
    window: Window,
    user_id: str | None = None,
    search: str | None = None,
    state: KeyState | None = None,
) -> Page[ApiKey]:
    """Return a page of keys, newest first; each filter that is None lets every key through.

    `user_id` is whom a key acts for; `search` is found anywhere in the name or the visible prefix, in any case, and
    taken literally. A key that was revoked is `revoked`, whenever it would have expired, by the database's clock.
    """
    where = _where(scope, user_id=user_id, search=search, state=state)
    return await read_page(session, ApiKeyTable, where=where, window=window, model=ApiKey)


async def get_api_key_slice(
    session: Session,
    scope: Scope,
    *,
    after: After,
    user_id: str | None = None,
    search: str | None = None,
    state: KeyState | None = None,
) -> Slice[ApiKey]:
    """Return a slice of what `get_api_key_page` lists, for walking all of it."""
    where = _where(scope, user_id=user_id, search=search, state=state)
    return await read_slice(session, ApiKeyTable, where=where, after=after, model=ApiKey)


async def is_rotated(session: Session, scope: Scope, *, api_key_id: str) -> bool:
    """Tell whether another key has taken this one's place."""
    successor = exists().where(*visible(scope, ApiKeyTable), ApiKeyTable.rotated_from == api_key_id)
    return bool((await session.execute(select(successor))).scalar_one())


def _where(
    scope: Scope, *, user_id: str | None, search: str | None, state: KeyState | None
) -> list[ColumnElement[bool]]:
    where = visible(scope, ApiKeyTable)
    if user_id is not None:
        where.append(ApiKeyTable.user_id == user_id if is_id(user_id) else false())
    if search:
        where.append(matches(search, ApiKeyTable.name, ApiKeyTable.key_prefix))
    if state is not None:
        where.append(_STATES[state])
    return where
