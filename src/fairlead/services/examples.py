"""Examples: an organization to try things with, for `fairlead dev`; made once, found again later."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope, system, tenant
from fairlead.domain.permissions import KEY_SCOPES
from fairlead.errors import Conflict, NotFound
from fairlead.queries.organizations import get_organization_by_slug
from fairlead.queries.page import Window
from fairlead.queries.queues import get_queue_page
from fairlead.queries.users import find_user_by_email
from fairlead.services.api_keys import create_api_key
from fairlead.services.organizations import create_organization
from fairlead.services.passwords import set_password
from fairlead.services.queues import create_queue
from fairlead.services.users import create_user

_SCOPE = system("an example organization")
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Example:
    """An example organization: its queues' ids by name, and a fresh raw API key that may do everything a key may."""

    name: str
    queues: dict[str, str]
    key: str


async def ensure_example(
    database: Database,
    *,
    name: str,
    slug: str,
    email: str,
    queues: Sequence[str],
    pepper: bytes,
    secret_hash: str | None = None,
) -> Example:
    """Make the example, or find the one made before and give it what it lacks and a fresh key.

    With the hash of a password its owner signs in with that.

    Two processes that make it at once meet in a Conflict; the one that comes second then finds what the first made.
    """
    for _ in range(_TRIES):
        with suppress(Conflict):
            async with database.unit_of_work(_SCOPE) as session:
                scope = await _ensure_organization(session, name, slug)
                owner_id = await _ensure_owner(session, scope, email)
                if secret_hash is not None:
                    await set_password(session, _SCOPE, user_id=owner_id, secret_hash=secret_hash)
            async with database.unit_of_work(scope) as session:
                made = await _ensure_queues(session, scope, queues)
                raw = await _fresh_key(session, scope, owner_id, pepper)
            return Example(name, made, raw)
    raise Conflict(f"The example organization '{slug}' cannot be made: something of the same name is in its way.")


async def _fresh_key(session: Session, scope: TenantScope, owner_id: str, pepper: bytes) -> str:
    _, raw = await create_api_key(
        session, scope, name="fairlead dev", user_id=owner_id, scopes=KEY_SCOPES, pepper=pepper, kind="test"
    )
    return raw


async def _ensure_organization(session: Session, name: str, slug: str) -> TenantScope:
    try:
        return tenant((await get_organization_by_slug(session, _SCOPE, slug=slug)).id)
    except NotFound:
        return tenant((await create_organization(session, _SCOPE, name=name, slug=slug)).id)


async def _ensure_owner(session: Session, scope: TenantScope, email: str) -> str:
    there = await find_user_by_email(session, scope, email=email)
    if there is not None:
        return there.id
    name = email.partition("@")[0].capitalize()
    return (await create_user(session, scope, email=email, name=name, role="owner")).id


async def _ensure_queues(session: Session, scope: TenantScope, names: Sequence[str]) -> dict[str, str]:
    there = {queue.name: queue.id for queue in (await get_queue_page(session, scope, window=Window(1, 100))).data}
    missing = [name for name in names if name not in there]
    made = {name: (await create_queue(session, scope, name=name)).id for name in missing}
    return {name: {**there, **made}[name] for name in names}
