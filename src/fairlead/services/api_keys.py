"""API keys: making and ending them, and telling whom a presented one stands for.

Only the HMAC of a key is stored; the raw key is returned once, by what makes it, and never logged or audited. A key
that is revoked, has expired or was replaced stays as it is: nothing brings it back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from types import EllipsisType
from typing import Any, Final, NamedTuple, TypedDict, Unpack

from fairlead.db.rows import NOW, delete_row, insert_row, lock_row, read_clock, update_row
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, SystemScope, TenantScope
from fairlead.domain.api_keys import KeyKind, is_well_formed, key_hash, kind_of, new_key, visible_prefix
from fairlead.domain.ids import new_id
from fairlead.errors import Conflict, NotFound, Unauthenticated, ValidationFailed
from fairlead.queries.api_keys import find_key_holders, is_rotated
from fairlead.queries.users import is_member, permissions_of
from fairlead.rows import ApiKey, User
from fairlead.schema.api_keys import ApiKey as ApiKeyTable
from fairlead.services import audit
from fairlead.services.access import Principal
from fairlead.services.key_rules import (
    checked,
    grace_problem,
    kind_problem,
    refuse_key_makers,
    refuse_more_than_allowed,
    version_of_key,
)
from fairlead.services.users import create_user
from fairlead.services.versions import refuse_other

GRACE: Final = timedelta(hours=24)
_LAST: Final = datetime(9998, 1, 1, tzinfo=UTC)  # no end lies later, so that every time zone can read it


class ApiKeyChanges(TypedDict, total=False):
    """The fields of a key that can be changed; what is not given stays. No `expires_at` is no end, no queues is all."""

    name: str
    scopes: Collection[str]
    queue_ids: Collection[str] | None
    expires_at: datetime | None


class UserWithKey(NamedTuple):
    """A new user with a key, and the raw key, which cannot be had again."""

    user: User
    api_key: ApiKey
    raw: str


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
    """Make a key that acts for a member; return it and the raw key, which cannot be had again.

    Raises ValidationFailed (also for a scope that does not exist or that no key may have, for an unknown queue and for
    an end in the past), NotFound for somebody who is not a member, and Forbidden for a scope that the member or the
    actor lacks, and for an actor that is a key.
    """
    refuse_key_makers(actor=actor)
    given = {"name": name, "scopes": scopes, "expires_at": expires_at, "queue_ids": queue_ids}
    values = await checked(session, scope, given=given, besides={"kind": kind_problem(kind=kind)})
    allowed = await permissions_of(session, scope, user_id=user_id)
    if not allowed and not await is_member(session, scope, user_id=user_id):
        raise NotFound
    refuse_more_than_allowed(scopes=values["scopes"], allowed=allowed, actor=actor)
    values["user_id"] = user_id
    return await _issue(session, scope, values, kind=kind, pepper=pepper, actor=actor)


async def create_user_with_api_key(
    session: Session,
    scope: Scope,
    *,
    email: str,
    name: str,
    key_name: str,
    scopes: Collection[str],
    pepper: bytes,
    role: str = "member",
    kind: KeyKind = "live",
    expires_at: datetime | None = None,
    queue_ids: Collection[str] | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> UserWithKey:
    """Make a user, a member in a role, with a key that acts for them: all or nothing.

    Raises ValidationFailed in a SystemScope, where a user has no organization that a key could belong to, and as
    `create_user` and `create_api_key` do.
    """
    if not isinstance(scope, TenantScope):
        raise ValidationFailed(details={"organization": "must be given: an API key belongs to one"})
    async with session.savepoint():
        user = await create_user(session, scope, email=email, name=name, role=role, actor=actor)
        made, raw = await create_api_key(
            session,
            scope,
            name=key_name,
            user_id=user.id,
            scopes=scopes,
            pepper=pepper,
            kind=kind,
            expires_at=expires_at,
            queue_ids=queue_ids,
            actor=actor,
        )
    return UserWithKey(user, made, raw)


async def rotate_api_key(
    session: Session,
    scope: TenantScope,
    *,
    api_key_id: str,
    pepper: bytes,
    grace: timedelta = GRACE,
    expires_at: datetime | EllipsisType | None = ...,
    actor: audit.Actor = audit.OPERATOR,
) -> tuple[ApiKey, str]:
    """Replace a key by a fresh one for the same member, scopes and queues; return that and its raw key.

    The old key goes on for `grace`, 0 to 7 days, but never beyond its own end. Unless `expires_at` says otherwise, the
    new one lasts as long as the old one was given. It does not get scopes that the member has lost meanwhile.

    Raises ValidationFailed, NotFound, Conflict for a key that was revoked, has expired or was rotated already or whose
    user may do nothing here any more, and Forbidden for a scope that the actor lacks and for an actor that is a key.
    """
    refuse_key_makers(actor=actor)
    given = {} if expires_at is ... else {"expires_at": expires_at}
    await checked(session, scope, given=given, besides={"grace": grace_problem(grace=grace)})
    old = await _hold(session, scope, api_key_id)
    allowed = await permissions_of(session, scope, user_id=old.user_id)
    if not allowed:
        raise Conflict("The user this API key acts for may do nothing here any more.")
    scopes = sorted(allowed.intersection(old.scopes))
    refuse_more_than_allowed(scopes=scopes, allowed=allowed, actor=actor)
    now = await read_clock(session)
    values = {
        "name": old.name,
        "user_id": old.user_id,
        "scopes": scopes,
        "queue_ids": old.queue_ids,
        "expires_at": _same_life(old, now) if expires_at is ... else expires_at,
        "rotated_from": old.id,
    }
    new, raw = await _issue(session, scope, values, kind=kind_of(old.key_prefix), pepper=pepper, actor=actor)
    await _retire(session, scope, old, new, end=now + grace, actor=actor)
    return new, raw


async def update_api_key(
    session: Session,
    scope: TenantScope,
    *,
    api_key_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
    **changes: Unpack[ApiKeyChanges],
) -> ApiKey:
    """Change the fields given, and only those, under the rules for a new key.

    Raises ValidationFailed, NotFound, PreconditionFailed for another version than the `expected`, Conflict for a key
    that was revoked, has expired or was rotated, and Forbidden for a scope that the member lacks, for a key that may do
    more than the actor, and for an actor that is a key.
    """
    refuse_key_makers(actor=actor)
    values = await checked(session, scope, given=changes)
    held = await _hold(session, scope, api_key_id)
    refuse_other(version_of_key(held), expected=expected)
    allowed = await permissions_of(session, scope, user_id=held.user_id)
    refuse_more_than_allowed(scopes=held.scopes, allowed=held.scopes, actor=actor)  # those of today and of another day
    refuse_more_than_allowed(scopes=values.get("scopes", ()), allowed=allowed, actor=actor)
    before, after = await update_row(session, scope, ApiKeyTable, key={"id": api_key_id}, values=values, model=ApiKey)
    await _record(session, scope, "api_key.updated", actor=actor, before=before, after=after)
    return after


async def revoke_api_key(
    session: Session, scope: TenantScope, *, api_key_id: str, actor: audit.Actor = audit.OPERATOR
) -> ApiKey:
    """End a key at once, for good; one that is revoked already stays as it is. Raises NotFound.

    What replaced it, or what it replaced, goes on.
    """
    key = {"id": api_key_id}
    held = await lock_row(session, scope, ApiKeyTable, key=key, model=ApiKey)
    if held.revoked_at is not None:
        return held
    before, after = await update_row(session, scope, ApiKeyTable, key=key, values={"revoked_at": NOW}, model=ApiKey)
    await _record(session, scope, "api_key.revoked", actor=actor, before=before, after=after)
    return after


async def delete_api_key(
    session: Session,
    scope: TenantScope,
    *,
    api_key_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> None:
    """Delete a key for good; only the audit trail remembers it.

    A key that it replaced is revoked: nothing would tell any more that its time is over. Raises NotFound, and
    PreconditionFailed for another version than the `expected`.
    """
    key = {"id": api_key_id}
    held = await lock_row(session, scope, ApiKeyTable, key=key, model=ApiKey, alone=True)
    refuse_other(version_of_key(held), expected=expected)
    gone = await delete_row(session, scope, ApiKeyTable, key=key, model=ApiKey)
    await _record(session, scope, "api_key.deleted", actor=actor, before=gone)
    if gone.rotated_from is not None:
        await revoke_api_key(session, scope, api_key_id=gone.rotated_from, actor=actor)


async def authenticate(session: Session, scope: SystemScope, *, raw: str, pepper: bytes) -> Principal:
    """Return whom a raw key stands for, with the scopes that its maker's roles still allow.

    Raises Unauthenticated, always with the same sentence: for junk before any query, and for a key that is unknown,
    expired or revoked, or whose user or organization is gone.
    """
    if not is_well_formed(raw):
        raise Unauthenticated
    hashed = key_hash(raw, pepper=pepper)
    found = await find_principals(session, scope, key_hashes=[hashed])
    if hashed not in found:
        raise Unauthenticated
    return found[hashed]


async def find_principals(session: Session, scope: SystemScope, *, key_hashes: Collection[str]) -> dict[str, Principal]:
    """Return by their hashes whom keys stand for; one that `authenticate` would refuse is left out."""
    holders = await find_key_holders(session, scope, key_hashes=key_hashes)
    return {
        hashed: Principal(
            organization_id=holder.organization_id,
            user_id=holder.user_id,
            permissions=holder.scopes & holder.permissions,
            api_key_id=holder.api_key_id,
            queue_ids=holder.queue_ids,
        )
        for hashed, holder in holders.items()
    }


async def _issue(
    session: Session,
    scope: TenantScope,
    values: Mapping[str, Any],
    *,
    kind: KeyKind,
    pepper: bytes,
    actor: audit.Actor,
) -> tuple[ApiKey, str]:
    raw = new_key(kind)
    secret = {"key_hash": key_hash(raw, pepper=pepper), "key_prefix": visible_prefix(raw)}
    made = await insert_row(session, scope, ApiKeyTable, values={"id": new_id(), **secret, **values}, model=ApiKey)
    await _record(session, scope, "api_key.created", actor=actor, after=made)
    return made, raw


async def _hold(session: Session, scope: TenantScope, api_key_id: str) -> ApiKey:
    """Return a key that has not ended, and keep it so until the transaction ends; raises NotFound and Conflict."""
    held = await lock_row(session, scope, ApiKeyTable, key={"id": api_key_id}, model=ApiKey)
    if held.revoked_at is not None:
        raise Conflict("This API key was revoked; make a new one.")
    if await is_rotated(session, scope, api_key_id=held.id):
        raise Conflict("This API key was rotated; it is the new one that can be changed.")
    if held.expires_at is not None and held.expires_at <= await read_clock(session):
        raise Conflict("This API key has expired; make a new one.")
    return held


def _same_life(old: ApiKey, now: datetime) -> datetime | None:
    return None if old.expires_at is None else now + min(old.expires_at - old.created_at, _LAST - now)


async def _retire(
    session: Session, scope: TenantScope, old: ApiKey, new: ApiKey, *, end: datetime, actor: audit.Actor
) -> None:
    values = {"expires_at": end if old.expires_at is None else min(end, old.expires_at)}
    await update_row(session, scope, ApiKeyTable, key={"id": old.id}, values=values, model=ApiKey)
    ended = {**values, "rotated_to": new.id}
    event = audit.Event("api_key.rotated", audit.Subject("api_key", old.id), {"expires_at": old.expires_at}, ended)
    await audit.record(session, scope, actor=actor, events=[event])


async def _record(
    session: Session,
    scope: TenantScope,
    action: str,
    *,
    actor: audit.Actor,
    before: ApiKey | None = None,
    after: ApiKey | None = None,
) -> None:
    await audit.record_change(session, scope, actor=actor, action=action, kind="api_key", before=before, after=after)
