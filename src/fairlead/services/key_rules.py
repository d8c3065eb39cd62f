"""What an API key may be given: the same for a new key, for a changed one and for one that replaces another.

A key does no more than the member it acts for, and nobody hands out what they may not do themselves. Keys hand out no
keys.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from fairlead.db.rows import read_clock
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.ids import is_id
from fairlead.domain.limits import GRACE_SECONDS
from fairlead.domain.permissions import KEY_SCOPES, Permission
from fairlead.domain.versions import version_by
from fairlead.errors import Forbidden
from fairlead.queries.queues import find_queue_ids
from fairlead.rows import ApiKey
from fairlead.services.audit import Actor
from fairlead.services.checks import Check, named, problems, refuse
from fairlead.wire.values import due_problem


def _scopes_problem(value: Any) -> str | None:
    if not _is_list_of_text(value):
        return "must be a list of scopes"
    if unknown := sorted(set(value) - set(Permission)):
        return f"{', '.join(unknown)}: there is no such scope"
    withheld = sorted(set(value) - KEY_SCOPES)
    return f"{', '.join(withheld)}: no API key can have that" if withheld else None


def _queues_problem(value: Any) -> str | None:
    return None if value is None or _is_list_of_text(value) else "must be a list of the ids of queues"


def _expiry_problem(value: Any) -> str | None:
    if value is None:
        return None
    return due_problem(value) if isinstance(value, datetime) else "must be an instant"


_CHECKS: Final[dict[str, Check]] = {
    "name": named,
    "scopes": _scopes_problem,
    "queue_ids": _queues_problem,
    "expires_at": _expiry_problem,
}
_NOTHING: Final[Mapping[str, str | None]] = {}


def kind_problem(*, kind: Any) -> str | None:
    """Return why there is no such kind of key, or None."""
    return None if kind in {"live", "test"} else "must be live or test"


def grace_problem(*, grace: Any) -> str | None:
    """Return why a replaced key cannot go on for so long, or None."""
    if isinstance(grace, timedelta) and timedelta() <= grace <= timedelta(seconds=GRACE_SECONDS):
        return None
    return f"must be between 0 and {GRACE_SECONDS:,} seconds"


def version_of_key(key: ApiKey) -> str:
    """Return the version of a key, which stays the same while it is only used."""
    return version_by(key.name, key.scopes, key.queue_ids, key.expires_at, key.revoked_at)


async def checked(
    session: Session, scope: TenantScope, *, given: Mapping[str, Any], besides: Mapping[str, str | None] = _NOTHING
) -> dict[str, Any]:
    """Return fields of a key as they are kept; raises ValidationFailed naming each that is wrong, `besides` included.

    A queue must be there, and an end must be to come, by the database's clock.
    """
    wrong = {**problems(given, checks=_CHECKS), **besides}
    asked = {field: given[field] for field in given if given[field] is not None and wrong[field] is None}
    if "queue_ids" in asked:
        wrong["queue_ids"] = await _unknown_queues_problem(session, scope, asked["queue_ids"])
    if "expires_at" in asked and asked["expires_at"] <= await read_clock(session):
        wrong["expires_at"] = "must be in the future"
    refuse(wrong)
    kept = {field: sorted({str(one) for one in asked[field]}) for field in asked.keys() & {"scopes", "queue_ids"}}
    return dict(given) | kept


def refuse_key_makers(*, actor: Actor) -> None:
    """Raise Forbidden for an actor that is a key itself."""
    if actor.kind == "api_key":
        raise Forbidden("An API key cannot make or change API keys; that is for people.")


def refuse_more_than_allowed(*, scopes: Collection[str], allowed: Collection[str], actor: Actor) -> None:
    """Raise Forbidden for a scope that the member a key acts for lacks, or that the actor lacks."""
    if lacking := sorted(set(scopes) - set(allowed)):
        raise Forbidden(f"The key's maker lacks the permission '{lacking[0]}'.")
    if lacking := actor.lacks(scopes):
        raise Forbidden(f"You cannot hand out '{lacking[0]}', which you may not do yourself.")


async def _unknown_queues_problem(session: Session, scope: TenantScope, queue_ids: Collection[str]) -> str | None:
    possible = {queue_id for queue_id in queue_ids if is_id(queue_id)}
    unknown = set(queue_ids) - await find_queue_ids(session, scope, queue_ids=possible)
    return f"{', '.join(sorted(unknown))}: no such queue here" if unknown else None


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str) and all(isinstance(one, str) for one in value)
