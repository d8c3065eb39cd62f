"""Sign-up: a new organization with its owner, who proves first that the address is theirs.

Until then nothing is there but the request (`services/verifications.py`): no user whom nobody is, no address that is
taken, and nothing that would tell whether somebody has an account. Who holds the token of the mail gets the account
that exactly this request described.
"""

from __future__ import annotations

import secrets
from typing import Final

from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.names import canonical_email, email_problem, slug_of
from fairlead.errors import Conflict
from fairlead.services import audit
from fairlead.services.checks import named, refuse
from fairlead.services.organizations import Founded, found_organization
from fairlead.services.passwords import set_password
from fairlead.services.verifications import NewAccount, Shown, request_by_mail, verify_address

_SUFFIX_BYTES: Final = 3


async def request_sign_up(
    session: Session,
    scope: SystemScope,
    *,
    email: str,
    name: str,
    organization_name: str,
    secret_hash: str,
) -> None:
    """Have a token sent to whoever wants an account; raises ValidationFailed. Announce MAIL_QUEUE after the commit."""
    canonical = canonical_email(email)
    refuse({"email": email_problem(canonical), "name": named(name), "organization_name": named(organization_name)})
    wanted = NewAccount(name, organization_name, secret_hash)
    await request_by_mail(session, scope, purpose="sign_up", email=canonical, wanted=wanted)


async def complete_sign_up(session: Session, scope: SystemScope, *, shown: Shown, actor: audit.Actor) -> Founded:
    """Make the account that a token stands for: the organization, its owner and a queue, all or nothing.

    Raises Conflict when the address has got an account meanwhile.
    """
    names = {"name": shown.name or "", "organization_name": shown.organization_name or ""}
    founded = await found_for(session, scope, email=shown.email, **names, actor=actor)
    owner = founded.owner
    await set_password(session, scope, user_id=owner.id, secret_hash=shown.secret_hash or "", actor=actor)
    verified = await verify_address(session, scope, user_id=owner.id, email=shown.email, actor=actor)
    return founded._replace(owner=verified)


async def found_for(
    session: Session, scope: SystemScope, *, email: str, name: str, organization_name: str, actor: audit.Actor
) -> Founded:
    """Found an organization for a new owner, under the slug of its name, with something added where that is taken.

    Raises Conflict when the address has an account, and ValidationFailed.
    """
    slug = slug_of(organization_name)
    owner = {"owner_email": email, "owner_name": name}
    try:
        return await found_organization(
            session, scope, name=organization_name, slug=slug or f"organization-{_suffix()}", **owner, actor=actor
        )
    except Conflict as error:
        if "slug" not in error.details:
            raise
    another = f"{slug}-{_suffix()}"
    return await found_organization(session, scope, name=organization_name, slug=another, **owner, actor=actor)


def _suffix() -> str:
    return secrets.token_hex(_SUFFIX_BYTES)
