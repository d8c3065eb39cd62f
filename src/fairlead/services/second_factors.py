"""Second factors: six digits of an authenticator application (TOTP, RFC 6238), or one of ten backup codes.

A factor is asked for once its owner has shown a first code of it, so that nobody locks themselves out. A code is taken
once: none of its half minute or of an earlier one is taken again. Of backup codes only an HMAC is kept, and a used one
is gone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from fairlead.db.rows import NOW, add_rows, delete_row, delete_rows, insert_row, lock_row, read_clock, update_row
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.ids import new_id
from fairlead.errors import Conflict, NotFound, OperatorError, WrongCredentials
from fairlead.queries.second_factors import SealedFactor, find_sealed_factor
from fairlead.queries.users import get_user
from fairlead.rows import Credential, SecondFactor, User
from fairlead.schema.credentials import Credential as CredentialTable
from fairlead.schema.second_factors import SecondFactor as SecondFactorTable
from fairlead.schema.users import User as UserTable
from fairlead.services import audit
from fairlead.services.sealing import SealBroken, seal, unseal

BACKUP_CODES: Final = 10
STEP_SECONDS: Final = 30
_DIGITS: Final = 6
_SECRET_BYTES: Final = 20
_BACKUP: Final = "backup_code"
_BACKUP_BYTES: Final = 10  # 80 bits: as text, 16 characters
_ISSUER: Final = "Fairlead"
_PURPOSE: Final = "second factor"


class Offered(NamedTuple):
    """A factor that is not asked for yet: its secret, and the same as an address for a QR code."""

    secret: str
    uri: str


async def offer_second_factor(session: Session, scope: SystemScope, *, user_id: str, pepper: bytes) -> Offered:
    """Make the secret of a factor, which `confirm_second_factor` puts into force; one made before is forgotten.

    Raises Conflict while another one is in force.
    """
    user = await get_user(session, scope, user_id=user_id)
    there = await find_sealed_factor(session, scope, user_id=user_id)
    if there is not None and there.confirmed_at is not None:
        raise Conflict("There is a second factor already; remove it first.")
    secret = secrets.token_bytes(_SECRET_BYTES)
    values = {"sealed_secret": seal(secret, secret=pepper, purpose=_PURPOSE, of=user_id)}
    if there is None:
        row = {"user_id": user_id, **values}
        await insert_row(session, scope, SecondFactorTable, values=row, model=SecondFactor)
    else:
        await update_row(session, scope, SecondFactorTable, key={"user_id": user_id}, values=values, model=SecondFactor)
    return Offered(base64.b32encode(secret).decode(), _totp(secret).get_provisioning_uri(user.email, _ISSUER))


async def confirm_second_factor(
    session: Session, scope: SystemScope, *, user_id: str, code: str, pepper: bytes, actor: audit.Actor
) -> list[str]:
    """Put the factor that was offered into force and return its backup codes, which cannot be had again.

    Raises WrongCredentials for a wrong code, NotFound where none was offered, and Conflict for one in force.
    """
    user = await lock_row(session, scope, UserTable, key={"id": user_id}, model=User)  # sign-ins wait
    factor = await _held(session, scope, user_id)
    if factor.confirmed_at is not None:
        raise Conflict("This second factor is in force already.")
    if not await _take_code(session, scope, factor, code, pepper):
        raise WrongCredentials
    values = {"confirmed_at": NOW}
    await update_row(session, scope, SecondFactorTable, key={"user_id": user_id}, values=values, model=SecondFactor)
    await _record(session, scope, "user.second_factor_set", user, actor)
    return await _new_codes(session, scope, user_id, pepper)


async def renew_backup_codes(
    session: Session, scope: SystemScope, *, user_id: str, pepper: bytes, actor: audit.Actor
) -> list[str]:
    """Replace the backup codes of a user with a factor; return the new ones, which cannot be had again."""
    user = await get_user(session, scope, user_id=user_id)
    if (await _held(session, scope, user_id)).confirmed_at is None:
        raise NotFound
    await _record(session, scope, "user.backup_codes_renewed", user, actor)
    return await _new_codes(session, scope, user_id, pepper)


async def remove_second_factor(session: Session, scope: SystemScope, *, user_id: str, actor: audit.Actor) -> None:
    """Ask for no second factor any more. Raises NotFound where there is none."""
    user = await get_user(session, scope, user_id=user_id)
    await _held(session, scope, user_id)
    await delete_rows(session, scope, SecondFactorTable, key={"user_id": user_id})
    await delete_rows(session, scope, CredentialTable, key={"user_id": user_id, "provider": _BACKUP})
    await _record(session, scope, "user.second_factor_removed", user, actor)


async def is_asked_for(session: Session, scope: SystemScope, *, user_id: str) -> bool:
    """Tell whether a user's sign-in needs a code; it stays so until the transaction ends. Raises NotFound."""
    await lock_row(session, scope, UserTable, key={"id": user_id}, model=User)
    factor = await find_sealed_factor(session, scope, user_id=user_id)
    return factor is not None and factor.confirmed_at is not None


async def is_right_code(session: Session, scope: SystemScope, *, user_id: str, code: str, pepper: bytes) -> bool:
    """Tell whether a code is one of a user's factor, or a backup code of theirs, and use it up."""
    plain = "".join(code.split()).replace("-", "").upper()
    if not (plain.isascii() and plain.isalnum()):
        return False
    try:
        factor = await _held(session, scope, user_id)
        if len(plain) == _DIGITS:
            return factor.confirmed_at is not None and await _take_code(session, scope, factor, plain, pepper)
        key = {"user_id": user_id, "provider": _BACKUP, **_kept(plain, pepper)}
        await delete_row(session, scope, CredentialTable, key=key, model=Credential)
    except NotFound:
        return False
    return True


async def _new_codes(session: Session, scope: SystemScope, user_id: str, pepper: bytes) -> list[str]:
    codes = [_new_backup_code() for _ in range(BACKUP_CODES)]
    await delete_rows(session, scope, CredentialTable, key={"user_id": user_id, "provider": _BACKUP})
    rows = [
        {"id": (made := new_id()), "user_id": user_id, "provider": _BACKUP, "account_id": made, **_kept(code, pepper)}
        for code in codes
    ]
    await add_rows(session, scope, CredentialTable, rows=rows)
    return codes


async def _held(session: Session, scope: SystemScope, user_id: str) -> SealedFactor:
    return await lock_row(session, scope, SecondFactorTable, key={"user_id": user_id}, model=SealedFactor)


async def _take_code(session: Session, scope: SystemScope, factor: SealedFactor, code: str, pepper: bytes) -> bool:
    """Tell whether a code is right and of a later half minute than the last one, and keep which it was."""
    step = _step_of(code, _opened(factor, pepper), await read_clock(session))
    if step is None or step <= factor.last_step:
        return False
    key = {"user_id": factor.user_id}
    await update_row(session, scope, SecondFactorTable, key=key, values={"last_step": step}, model=SecondFactor)
    return True


def _opened(factor: SealedFactor, pepper: bytes) -> bytes:
    try:
        return unseal(factor.sealed_secret, secret=pepper, purpose=_PURPOSE, of=factor.user_id)
    except SealBroken as error:
        raise OperatorError("Second factors cannot be read: FAIRLEAD_SECRET was another one.") from error


def _step_of(code: str, secret: bytes, now: datetime) -> int | None:
    """Return which half minute's code it is: the present one, or that before or after for clocks that differ."""
    present, totp = int(now.timestamp()) // STEP_SECONDS, _totp(secret)
    steps = (present, present - 1, present + 1)
    right = [step for step in steps if hmac.compare_digest(totp.generate(step * STEP_SECONDS), code.encode())]
    return right[0] if right else None


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, _DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - what authenticator applications know


def _new_backup_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_BACKUP_BYTES)).decode()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _kept(code: str, pepper: bytes) -> dict[str, Any]:
    plain = code.replace("-", "")
    return {"secret_hash": hmac.new(pepper, b"backup code " + plain.encode(), hashlib.sha256).hexdigest()}


async def _record(session: Session, scope: SystemScope, action: str, user: User, actor: audit.Actor) -> None:
    subject = audit.Subject("user", user.id, user.organization_id)
    await audit.record(session, scope, actor=actor, events=[audit.Event(action, subject)])
