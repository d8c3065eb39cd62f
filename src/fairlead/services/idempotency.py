"""Idempotency: a request that makes something can be sent again, and makes it once.

The first answer under a key is kept for a day at least, in the transaction that makes the thing: what is rolled back
leaves no answer, and a process that dies in between leaves neither. While one request is at it, another with the same
key is told to come again; nobody waits. Keys are an organization's, or a person's who makes something outside every
one, and each route has its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from fairlead.db.attempt import take_attempt
from fairlead.db.rows import add_row, find_row
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, SystemScope, TenantScope
from fairlead.errors import IdempotencyInFlight, IdempotencyKeyReused
from fairlead.rows import IdempotencyKey, PersonalIdempotencyKey
from fairlead.schema.idempotency_keys import IdempotencyKey as IdempotencyKeyTable
from fairlead.schema.personal_idempotency_keys import PersonalIdempotencyKey as PersonalIdempotencyKeyTable
from fairlead.services.sealing import SealBroken, seal, unseal

_PURPOSE: Final = "idempotency"


class Attempt(NamedTuple):
    """One try to make something: the route and the key it came under, and a fingerprint of all that was asked."""

    route: str
    key: str
    fingerprint: str


async def recall_answer(session: Session, scope: TenantScope, *, attempt: Attempt, secret: bytes) -> bytes | None:
    """Return what was answered under this key; None when the caller is the first, and goes on to make the thing.

    Raises IdempotencyInFlight while another request is at it, and IdempotencyKeyReused for a key that was something
    else's, or whose answer the installation cannot read any more.
    """
    await _be_alone(session, scope, name=_of(attempt))
    key = {"route": attempt.route, "key": attempt.key}
    kept = await find_row(session, scope, IdempotencyKeyTable, key=key, model=IdempotencyKey)
    return _read(kept, attempt, secret=secret, of=f"{scope.organization_id} {_of(attempt)}")


async def keep_answer(session: Session, scope: TenantScope, *, attempt: Attempt, answer: bytes, secret: bytes) -> None:
    """Keep the first answer under a key, sealed; in the transaction in which `recall_answer` knew of none."""
    sealed = seal(answer, secret=secret, purpose=_PURPOSE, of=f"{scope.organization_id} {_of(attempt)}")
    await add_row(session, scope, IdempotencyKeyTable, values={**attempt._asdict(), "answer": sealed})


async def recall_personal_answer(
    session: Session, scope: SystemScope, *, user_id: str, attempt: Attempt, secret: bytes
) -> bytes | None:
    """Return what a person was answered under this key, outside every organization; else as `recall_answer`."""
    of = f"{user_id} {_of(attempt)}"
    await _be_alone(session, scope, name=of)
    key = {"user_id": user_id, "route": attempt.route, "key": attempt.key}
    kept = await find_row(session, scope, PersonalIdempotencyKeyTable, key=key, model=PersonalIdempotencyKey)
    return _read(kept, attempt, secret=secret, of=of)


async def keep_personal_answer(
    session: Session, scope: SystemScope, *, user_id: str, attempt: Attempt, answer: bytes, secret: bytes
) -> None:
    """Keep the first answer of a person's under a key; in the transaction of `recall_personal_answer`."""
    sealed = seal(answer, secret=secret, purpose=_PURPOSE, of=f"{user_id} {_of(attempt)}")
    values = {"user_id": user_id, **attempt._asdict(), "answer": sealed}
    await add_row(session, scope, PersonalIdempotencyKeyTable, values=values)


async def _be_alone(session: Session, scope: Scope, *, name: str) -> None:
    if not await take_attempt(session, scope, name=name):
        raise IdempotencyInFlight


def _read(
    kept: IdempotencyKey | PersonalIdempotencyKey | None, attempt: Attempt, *, secret: bytes, of: str
) -> bytes | None:
    if kept is None:
        return None
    if kept.fingerprint != attempt.fingerprint:
        raise IdempotencyKeyReused
    try:
        return unseal(kept.answer, secret=secret, purpose=_PURPOSE, of=of)
    except SealBroken as error:
        raise IdempotencyKeyReused("The answer kept under this key cannot be read any more.") from error


def _of(attempt: Attempt) -> str:
    return f"{attempt.route} {attempt.key}"
