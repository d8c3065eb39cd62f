"""Verifications: single-use tokens that prove something: that somebody reads an address's mail, or knew a password.

Whoever asks for a mail is told the same in the same time, whether the address is known or not, because nobody looks:
the request is written down, and what is sent is decided when it is sent. A token is 256 random bits, of which only the
hash is kept; it is used by one conditional update.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from fairlead.db.rows import NOW, find_row, in_time, insert_row, read_clock, update_row, update_rows
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain import letters
from fairlead.domain.ids import new_id
from fairlead.domain.letters import Letter
from fairlead.domain.tokens import new_token, token_hash
from fairlead.errors import NotFound, TokenInvalid
from fairlead.queries.users import find_user_by_email
from fairlead.rows import User, Verification
from fairlead.schema.users import User as UserTable
from fairlead.schema.verifications import Verification as VerificationTable
from fairlead.services import audit
from fairlead.services.mails import request_mail

Purpose: TypeAlias = Literal["sign_up", "verify_email", "reset_password", "second_factor"]

PREFIXES: Final[dict[Purpose, str]] = {
    "sign_up": "flv_",
    "verify_email": "flv_",
    "reset_password": "flr_",
    "second_factor": "flc_",
}
LIFETIMES: Final[dict[Purpose, timedelta]] = {
    "sign_up": timedelta(days=1),
    "verify_email": timedelta(days=1),
    "reset_password": timedelta(hours=1),
    "second_factor": timedelta(minutes=5),
}
_UNSENT: Final = timedelta(days=7)  # a mail that could not be sent for so long is not wanted any more


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account will be made of."""

    name: str
    organization_name: str
    secret_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a token that was shown stands for."""

    id: str
    user_id: str | None
    purpose: Purpose
    email: str
    expires_at: datetime
    name: str | None
    organization_name: str | None
    secret_hash: str | None = field(repr=False)


async def request_by_mail(
    session: Session, scope: SystemScope, *, purpose: Purpose, email: str, wanted: NewAccount | None = None
) -> None:
    """Have a token sent to a canonical address, if it is one to whom it can be sent; `wanted` is what a sign-up brings.

    Announce MAIL_QUEUE after the commit.
    """
    verification_id, of_sign_up = new_id(), {} if wanted is None else asdict(wanted)
    asked = {"id": verification_id, "purpose": purpose, "email": email, **of_sign_up}
    # Until the mail is sent there is no token: this is the hash of one that nobody has.
    secret = {"token_hash": token_hash(new_token()), "expires_at": in_time(_UNSENT)}
    await insert_row(session, scope, VerificationTable, values={**asked, **secret}, model=Verification)
    await request_mail(session, scope, kind="verification", subject_id=verification_id)


async def write_letter(session: Session, scope: SystemScope, *, verification_id: str, url: str) -> Letter | None:
    """Make a request's token, which voids those made for it before, and return the letter that has it.

    None when there is nothing to send: nobody has the address, the token was used, or a later one took its place.
    """
    key = {"id": verification_id, "used_at": None}
    asked = await find_row(session, scope, VerificationTable, key=key, model=Shown)
    if asked is None or asked.expires_at <= await read_clock(session):
        return None
    user = await find_user_by_email(session, scope, email=asked.email)
    if asked.purpose == "sign_up":
        return await _sign_up_letter(session, scope, asked, user, url)
    if user is None:
        return None
    token = await _issue(session, scope, asked, user_id=user.id)
    others = {"email": asked.email, "purpose": asked.purpose, "used_at": None}
    await update_rows(session, scope, VerificationTable, key=others, values={"expires_at": NOW}, but=asked.id)
    write = letters.reset_letter if asked.purpose == "reset_password" else letters.verification_letter
    return write(asked.email, token=token, url=url)


async def start_challenge(session: Session, scope: SystemScope, *, user_id: str, email: str) -> str:
    """Return a token that stands for a right password, to be shown with the code of a second factor."""
    token = new_token(PREFIXES["second_factor"])
    values = {"id": new_id(), "user_id": user_id, "purpose": "second_factor", "email": email}
    secret = {"token_hash": token_hash(token), "expires_at": in_time(LIFETIMES["second_factor"])}
    await insert_row(session, scope, VerificationTable, values={**values, **secret}, model=Verification)
    return token


async def look_at_token(session: Session, scope: SystemScope, *, token: str, purposes: Collection[Purpose]) -> Shown:
    """Return what a token stands for, without using it; raises TokenInvalid."""
    shown = await find_row(session, scope, VerificationTable, key=_unused(token), model=Shown)
    if shown is None or shown.purpose not in purposes or shown.expires_at <= await read_clock(session):
        raise TokenInvalid
    return shown


async def use_token(session: Session, scope: SystemScope, *, token: str, purposes: Collection[Purpose]) -> Shown:
    """Use a token up and return what it stands for; raises TokenInvalid. Of many uses at once one gets it."""
    shown = await look_at_token(session, scope, token=token, purposes=purposes)
    try:
        await update_row(session, scope, VerificationTable, key=_unused(token), values={"used_at": NOW}, model=Shown)
    except NotFound:
        raise TokenInvalid from None
    return shown


async def verify_address(session: Session, scope: SystemScope, *, user_id: str, email: str, actor: audit.Actor) -> User:
    """Keep that a user reads the mail of an address; raises TokenInvalid when it is not the user's any more."""
    try:
        key = {"id": user_id, "email": email}
        before, after = await update_row(
            session, scope, UserTable, key=key, values={"email_verified": True}, model=User
        )
    except NotFound:
        raise TokenInvalid from None
    await audit.record_change(
        session, scope, actor=actor, action="user.updated", kind="user", before=before, after=after
    )
    return after


async def void_tokens(session: Session, scope: SystemScope, *, user_id: str) -> None:
    """Let no token go on that was made for a user."""
    key = {"user_id": user_id, "used_at": None}
    await update_rows(session, scope, VerificationTable, key=key, values={"expires_at": NOW})


async def _sign_up_letter(session: Session, scope: SystemScope, asked: Shown, user: User | None, url: str) -> Letter:
    if user is not None:
        return letters.known_letter(asked.email, url=url)
    token = await _issue(session, scope, asked, user_id=None)
    organization = asked.organization_name or ""
    return letters.sign_up_letter(asked.email, token=token, organization=organization, url=url)


async def _issue(session: Session, scope: SystemScope, asked: Shown, *, user_id: str | None) -> str:
    token = new_token(PREFIXES[asked.purpose])
    values = {"token_hash": token_hash(token), "expires_at": in_time(LIFETIMES[asked.purpose]), "user_id": user_id}
    key = {"id": asked.id, "used_at": None}
    await update_row(session, scope, VerificationTable, key=key, values=values, model=Verification)
    return token


def _unused(token: str) -> dict[str, Any]:
    return {"token_hash": token_hash(token), "used_at": None}
