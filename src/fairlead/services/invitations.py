"""Invitations: a role offered to an address; whoever gets the mail's token can take it, once.

An invitation holds no token until its mail is sent: the token is made then, and a mail that is sent again makes another
one in its place. A newer invitation to the same address takes the place of those before it. Nobody offers a role that
may do more than they may themselves, and an offer is good for as long as whoever made it may make it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from fairlead.db.rows import NOW, in_time, insert_row, lock_row, update_row
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope, TenantScope, tenant
from fairlead.domain.ids import new_id
from fairlead.domain.letters import Letter, invitation_letter
from fairlead.domain.names import canonical_email, email_problem
from fairlead.domain.tokens import new_token, token_hash
from fairlead.errors import Conflict, Forbidden, NotFound, TokenInvalid
from fairlead.queries.invitations import Offer, find_offer, find_offer_of, open_invitations_to
from fairlead.queries.roles import get_role
from fairlead.queries.users import get_user
from fairlead.rows import Invitation, User
from fairlead.schema.invitations import Invitation as InvitationTable
from fairlead.services import audit
from fairlead.services.checks import refuse
from fairlead.services.mails import request_mail
from fairlead.services.members import admit_member, refuse_mightier_role
from fairlead.services.passwords import set_password
from fairlead.services.users import create_user
from fairlead.services.verifications import verify_address

LIFE: Final = timedelta(days=7)
PREFIX: Final = "fli_"


async def create_invitation(
    session: Session,
    scope: SystemScope,
    *,
    organization_id: str,
    email: str,
    role_id: str,
    invited_by: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> Invitation:
    """Offer a role to an address for 7 days, and ask for the mail; announce MAIL_QUEUE after the commit.

    Whether somebody has that address is told to nobody. Raises ValidationFailed, also for an unknown role, and
    Forbidden for a role that may do more than the actor.
    """
    own = tenant(organization_id)
    canonical = canonical_email(email)
    refuse({"email": email_problem(canonical), "role_id": await _role_problem(session, own, role_id)})
    role = await get_role(session, own, role_id=role_id)
    refuse_mightier_role(role, actor=actor)
    for older in await open_invitations_to(session, own, email=canonical):
        await revoke_invitation(session, own, invitation_id=older.id, actor=actor)
    values = {
        "id": new_id(),
        "email": canonical,
        "role_id": role.id,
        "role_scope": role.organization_id or "*",
        "invited_by": invited_by,
        "token_hash": token_hash(new_token()),  # of no token that anybody has
        "expires_at": in_time(LIFE),
    }
    made = await insert_row(session, own, InvitationTable, values=values, model=Invitation)
    await _record(session, own, "invitation.created", actor=actor, after=made)
    await request_mail(session, scope, kind="invitation", subject_id=made.id, organization_id=organization_id)
    return made


async def revoke_invitation(
    session: Session, scope: TenantScope, *, invitation_id: str, actor: audit.Actor = audit.OPERATOR
) -> Invitation:
    """Take an offer back at once; one that was taken back already stays as it is.

    Raises NotFound, and Conflict for one that was accepted.
    """
    key = {"id": invitation_id}
    held = await lock_row(session, scope, InvitationTable, key=key, model=Invitation)
    if held.accepted_at is not None:
        raise Conflict("This invitation was accepted; remove the member instead.")
    if held.revoked_at is not None:
        return held
    before, after = await update_row(
        session, scope, InvitationTable, key=key, values={"revoked_at": NOW}, model=Invitation
    )
    await _record(session, scope, "invitation.revoked", actor=actor, before=before, after=after)
    return after


async def write_invitation(
    session: Session, scope: SystemScope, *, organization_id: str, invitation_id: str, url: str
) -> Letter | None:
    """Give an open invitation a fresh token, in place of any before, and return the letter that has it.

    None where there is nothing to be sent any more.
    """
    offer = await find_offer_of(session, scope, organization_id=organization_id, invitation_id=invitation_id)
    if offer is None:
        return None
    token = new_token(PREFIX)
    key, values = {"id": offer.invitation_id}, {"token_hash": token_hash(token)}
    await update_row(session, scope, InvitationTable, key=key, values=values, model=Invitation)
    return invitation_letter(
        offer.email,
        token=token,
        organization=offer.organization_name,
        inviter=offer.inviter_name,
        role=offer.role_name,
        url=url,
    )


async def look_at_invitation(session: Session, scope: SystemScope, *, token: str) -> Offer:
    """Return what a token offers; raises TokenInvalid for one that is unknown, used, revoked or over."""
    offer = await find_offer(session, scope, token_hash=token_hash(token))
    if offer is None:
        raise TokenInvalid
    return offer


async def accept_invitation(
    session: Session, scope: SystemScope, *, token: str, user_id: str, request_id: str | None = None
) -> Offer:
    """Make the user whom an invitation is meant for a member; of many at once, one succeeds.

    Raises TokenInvalid, Forbidden for a user with another address, and Conflict for who has that role already.
    """
    user = await get_user(session, scope, user_id=user_id)
    actor = audit.Actor("user", user.id, request_id)
    async with session.savepoint():
        offer = await _taken(session, scope, token, actor)
        if offer.email != user.email:
            raise Forbidden("This invitation is for another address; sign in as whom it is for.")
        whom = {"organization_id": offer.organization_id, "user_id": user.id, "role_id": offer.role_id}
        await admit_member(session, scope, **whom, actor=actor)
    return offer


async def sign_up_by_invitation(
    session: Session,
    scope: SystemScope,
    *,
    token: str,
    name: str,
    secret_hash: str,
    request_id: str | None = None,
) -> User:
    """Make the account of somebody who is invited, at home in that organization, with a verified address.

    Raises ValidationFailed, TokenInvalid, and Conflict where the address has an account: its user signs in and accepts.
    """
    nobody = audit.Actor("system", None, request_id)
    async with session.savepoint():
        offer = await _taken(session, scope, token, nobody)
        own = tenant(offer.organization_id)
        try:
            made = await create_user(session, own, email=offer.email, name=name, role=offer.role_id, actor=nobody)
        except Conflict:
            raise Conflict("There is an account with this address: sign in, then accept the invitation.") from None
        actor = audit.Actor("user", made.id, request_id)
        await set_password(session, scope, user_id=made.id, secret_hash=secret_hash, actor=actor)
        return await verify_address(session, scope, user_id=made.id, email=offer.email, actor=actor)


async def _taken(session: Session, scope: SystemScope, token: str, actor: audit.Actor) -> Offer:
    """Use an invitation up, in the name of whoever shows its token, and return it; raises TokenInvalid."""
    offer = await look_at_invitation(session, scope, token=token)
    key = {"id": offer.invitation_id, "token_hash": token_hash(token)}
    try:
        held = await lock_row(session, scope, InvitationTable, key=key, model=Invitation)
    except NotFound:  # a mail with another token was sent at this moment
        raise TokenInvalid from None
    if held.accepted_at is not None or held.revoked_at is not None:
        raise TokenInvalid
    before, after = await update_row(
        session, scope, InvitationTable, key=key, values={"accepted_at": NOW}, model=Invitation
    )
    own = tenant(offer.organization_id)
    await _record(session, own, "invitation.accepted", actor=actor, before=before, after=after)
    return offer


async def _role_problem(session: Session, scope: TenantScope, role_id: str) -> str | None:
    try:
        await get_role(session, scope, role_id=role_id)
    except NotFound:
        return "must be a system role, or the id of a role of this organization"
    return None


async def _record(
    session: Session,
    scope: TenantScope,
    action: str,
    *,
    actor: audit.Actor,
    before: Invitation | None = None,
    after: Invitation | None = None,
) -> None:
    await audit.record_change(session, scope, actor=actor, action=action, kind="invitation", before=before, after=after)
