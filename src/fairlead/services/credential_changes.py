"""Changes of how somebody signs in: each ends every session there was, and every token that was made for them.

Whoever made the change goes on with a session that has just begun, and with a token that nobody else can know.
"""

from __future__ import annotations

from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.services import audit
from fairlead.services.access import Person
from fairlead.services.passwords import set_password
from fairlead.services.second_factors import confirm_second_factor, remove_second_factor
from fairlead.services.sessions import Client, StartedSession, end_sessions, start_session
from fairlead.services.verifications import Shown, use_token, verify_address, void_tokens


async def change_password(
    session: Session, scope: SystemScope, *, person: Person, secret_hash: str, client: Client
) -> StartedSession:
    """Set the password of somebody who has just shown the one before."""
    actor = audit.Actor("user", person.user_id, client.request_id)
    await set_password(session, scope, user_id=person.user_id, secret_hash=secret_hash, actor=actor)
    return await _begun_anew(session, scope, person.user_id, client)


async def reset_password(
    session: Session, scope: SystemScope, *, token: str, secret_hash: str, client: Client
) -> Shown:
    """Set the password of whoever shows the token of a mail, and end all their sessions. Raises TokenInvalid.

    The mail has shown that the address is theirs.
    """
    shown = await use_token(session, scope, token=token, purposes={"reset_password"})
    user_id = shown.user_id or ""
    actor = audit.Actor("user", user_id, client.request_id)
    await verify_address(session, scope, user_id=user_id, email=shown.email, actor=actor)
    await set_password(session, scope, user_id=user_id, secret_hash=secret_hash, actor=actor)
    await _end_all(session, scope, user_id, client)
    return shown


async def put_second_factor_in_force(
    session: Session, scope: SystemScope, *, person: Person, code: str, pepper: bytes, client: Client
) -> tuple[list[str], StartedSession]:
    """Confirm the factor that was offered; return its backup codes too. Raises as `confirm_second_factor` does."""
    actor = audit.Actor("user", person.user_id, client.request_id)
    codes = await confirm_second_factor(session, scope, user_id=person.user_id, code=code, pepper=pepper, actor=actor)
    return codes, await _begun_anew(session, scope, person.user_id, client)


async def take_second_factor_away(
    session: Session, scope: SystemScope, *, person: Person, client: Client
) -> StartedSession:
    """Remove the factor of somebody who has just shown their password. Raises NotFound."""
    actor = audit.Actor("user", person.user_id, client.request_id)
    await remove_second_factor(session, scope, user_id=person.user_id, actor=actor)
    return await _begun_anew(session, scope, person.user_id, client)


async def _begun_anew(session: Session, scope: SystemScope, user_id: str, client: Client) -> StartedSession:
    await _end_all(session, scope, user_id, client)
    return await start_session(session, scope, user_id=user_id, client=client)


async def _end_all(session: Session, scope: SystemScope, user_id: str, client: Client) -> None:
    actor = audit.Actor("user", user_id, client.request_id)
    await end_sessions(session, scope, user_id=user_id, actor=actor)
    await void_tokens(session, scope, user_id=user_id)
