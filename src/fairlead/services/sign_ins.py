"""Signing in: an address and a password, and the code of a second factor where there is one, become a session.

It takes two transactions, because the password is compared between them: the first counts the attempt and looks the
account up, the second starts the session. Whether the account exists shows neither in what is said nor in how long it
takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from fairlead.db.rows import lock_row
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.budgets import AttemptKind, Take
from fairlead.domain.names import canonical_email
from fairlead.errors import NotFound, TokenInvalid, Unauthenticated, WrongCredentials
from fairlead.queries.sign_ins import Account, find_account, find_own_account
from fairlead.rows import Credential
from fairlead.schema.credentials import Credential as CredentialTable
from fairlead.services.access import Person
from fairlead.services.attempts import return_attempt, take_attempt
from fairlead.services.passwords import PASSWORD, Checked, keep_renewed
from fairlead.services.second_factors import is_asked_for, is_right_code
from fairlead.services.sessions import Client, StartedSession, start_session
from fairlead.services.verifications import look_at_token, start_challenge, use_token


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, counted; `takes` is given back when it succeeds."""

    account: Account
    takes: tuple[Take, ...]


class Challenge(NamedTuple):
    """The password was right; the token is to be shown with the code of the second factor."""

    token: str


async def begin_sign_in(session: Session, scope: SystemScope, *, email: str, client: Client) -> Attempt:
    """Count an attempt and look the account up; commit it before comparing. Raises TooManyAttempts."""
    account = await find_account(session, scope, email=canonical_email(email), address=client.address)
    return await _counted(session, scope, account, client)


async def begin_confirmation(session: Session, scope: SystemScope, *, person: Person, client: Client) -> Attempt:
    """Count an attempt of somebody who is signed in to show their password again; as `begin_sign_in` otherwise."""
    account = await find_own_account(session, scope, user_id=person.user_id, address=client.address)
    if account is None:
        raise Unauthenticated
    return await _counted(session, scope, account, client)


async def finish_sign_in(
    session: Session, scope: SystemScope, *, attempt: Attempt, checked: Checked, client: Client
) -> StartedSession | Challenge:
    """Start a session, or return the challenge of a second factor. Raises WrongCredentials.

    The password must still be the one that was compared, and a second factor that came meanwhile counts: a change of
    either waits for this, and then ends the session, too.
    """
    asked_for = checked.right and await _asked_for_code(session, scope, attempt.account)
    user_id = await confirm(session, scope, attempt=attempt, checked=checked)
    if asked_for:
        return Challenge(await start_challenge(session, scope, user_id=user_id, email=attempt.account.email))
    return await start_session(session, scope, user_id=user_id, client=client)


async def begin_code(session: Session, scope: SystemScope, *, challenge: str, client: Client) -> Attempt:
    """Count an attempt at a second factor; commit it before comparing. Raises TokenInvalid and TooManyAttempts."""
    shown = await look_at_token(session, scope, token=challenge, purposes={"second_factor"})
    account = await find_own_account(session, scope, user_id=shown.user_id or "", address=client.address)
    if account is None:
        raise TokenInvalid
    return await _counted(session, scope, account, client, kind="code")


async def answer_challenge(
    session: Session,
    scope: SystemScope,
    *,
    attempt: Attempt,
    challenge: str,
    code: str,
    pepper: bytes,
    client: Client,
) -> StartedSession:
    """Use a challenge up and start a session; raises WrongCredentials for a wrong code, and TokenInvalid."""
    user_id = attempt.account.user_id or ""
    if not await is_right_code(session, scope, user_id=user_id, code=code, pepper=pepper):
        raise WrongCredentials
    await use_token(session, scope, token=challenge, purposes={"second_factor"})
    await return_attempt(session, scope, takes=attempt.takes)
    return await start_session(session, scope, user_id=user_id, client=client)


async def confirm(session: Session, scope: SystemScope, *, attempt: Attempt, checked: Checked) -> str:
    """Return whose password was right, and give the attempt back; raises WrongCredentials."""
    account = attempt.account
    if not checked.right or account.user_id is None:
        raise WrongCredentials
    key = {"provider": PASSWORD, "account_id": account.user_id, "secret_hash": account.secret_hash}
    try:
        await lock_row(session, scope, CredentialTable, key=key, model=Credential)
    except NotFound:
        raise WrongCredentials from None
    if checked.renewed is not None:
        await keep_renewed(session, scope, user_id=account.user_id, secret_hash=checked.renewed)
    await return_attempt(session, scope, takes=attempt.takes)
    return account.user_id


async def _asked_for_code(session: Session, scope: SystemScope, account: Account) -> bool:
    try:
        return await is_asked_for(session, scope, user_id=account.user_id or "")
    except NotFound:  # deleted while the password was compared
        raise WrongCredentials from None


async def _counted(
    session: Session, scope: SystemScope, account: Account, client: Client, *, kind: AttemptKind = "sign_in"
) -> Attempt:
    takes = await take_attempt(
        session, scope, kind=kind, account=account.email, address=client.address, usual=account.usual
    )
    return Attempt(account, tuple(takes))
