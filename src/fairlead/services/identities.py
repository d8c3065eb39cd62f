"""Identities: signing in as whom a provider says one is.

Whom an account at a provider belongs to is remembered when it is used first, by the provider's own id of it, and does
not change with an address. Before that it is linked to the account with the same address only when both have verified
that address: the provider, as it says, and we, by a mail of ours. Otherwise whoever has, or invents, an address at one
of the two would have the account at the other. Where nobody has the address, whoever brings the name of an
organization gets it.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.rows import NOW, find_row, insert_row, update_rows
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.ids import new_id
from fairlead.domain.names import canonical_email, email_problem, name_problem
from fairlead.domain.providers import Identity
from fairlead.errors import AccountNotLinked
from fairlead.queries.sign_ins import find_own_account
from fairlead.queries.users import find_user_by_email
from fairlead.rows import Credential, User
from fairlead.schema.credentials import Credential as CredentialTable
from fairlead.services import audit
from fairlead.services.second_factors import is_asked_for
from fairlead.services.sessions import Client, StartedSession, start_session
from fairlead.services.sign_ins import Challenge
from fairlead.services.sign_ups import found_for
from fairlead.services.verifications import start_challenge, verify_address

_UNVERIFIED: Final = "This provider has not verified an address of yours; do that there, or sign in with a password."
_UNPROVED: Final = (
    "The account with this address has not shown yet that the address is its own: sign in and verify it first."
)
_UNKNOWN: Final = "Nobody has an account with this address; bring the name of an organization to make one."


async def sign_in_as(
    session: Session,
    scope: SystemScope,
    *,
    identity: Identity,
    organization_name: str | None,
    client: Client,
    actor: audit.Actor,
) -> StartedSession | Challenge:
    """Start a session, or return the challenge of a second factor, which is asked for here as anywhere.

    Raises AccountNotLinked where the identity is nobody's here and cannot become somebody's.
    """
    user_id = await _known(session, scope, identity)
    if user_id is None:
        user_id = await _linked(session, scope, identity, organization_name, actor)
    account = await find_own_account(session, scope, user_id=user_id, address=client.address)
    if account is None:
        raise AccountNotLinked
    if await is_asked_for(session, scope, user_id=user_id):
        return Challenge(await start_challenge(session, scope, user_id=user_id, email=account.email))
    return await start_session(session, scope, user_id=user_id, client=client)


async def _known(session: Session, scope: SystemScope, identity: Identity) -> str | None:
    """Return whose the identity is, and keep that it was used."""
    key = {"provider": identity.issuer, "account_id": identity.subject}
    kept = await find_row(session, scope, CredentialTable, key=key, model=Credential)
    if kept is None:
        return None
    await update_rows(session, scope, CredentialTable, key=key, values={"last_used_at": NOW})
    return kept.user_id


async def _linked(
    session: Session, scope: SystemScope, identity: Identity, organization_name: str | None, actor: audit.Actor
) -> str:
    email = canonical_email(identity.email or "")
    if email_problem(email):
        raise AccountNotLinked(_UNVERIFIED)
    user = await find_user_by_email(session, scope, email=email)
    if user is None:
        if organization_name is None:
            raise AccountNotLinked(_UNKNOWN)
        name = (identity.name or "").strip()
        name = email.partition("@")[0] if name_problem(name) else name
        user = await _made(session, scope, email=email, name=name, organization_name=organization_name, actor=actor)
    elif not user.email_verified:
        raise AccountNotLinked(_UNPROVED)
    await _link(session, scope, identity, user, actor)
    return user.id


async def _made(
    session: Session, scope: SystemScope, *, email: str, name: str, organization_name: str, actor: audit.Actor
) -> User:
    """Make an account with an organization of its own; its address is verified, as the provider has done that."""
    founded = await found_for(session, scope, email=email, name=name, organization_name=organization_name, actor=actor)
    return await verify_address(session, scope, user_id=founded.owner.id, email=email, actor=actor)


async def _link(session: Session, scope: SystemScope, identity: Identity, user: User, actor: audit.Actor) -> None:
    key = {"provider": identity.issuer, "account_id": identity.subject}
    values = {"id": new_id(), "user_id": user.id, **key, "last_used_at": NOW}
    await insert_row(session, scope, CredentialTable, values=values, model=Credential)
    subject = audit.Subject("user", user.id, user.organization_id)
    event = audit.Event("user.identity_linked", subject, None, {"provider": identity.issuer})
    await audit.record(session, scope, actor=actor, events=[event])
