"""Every use case of people's own accounts, and a world in which each of them has something to do."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.people import PEPPER
from tests.fixtures.signing import code_of, token_in
from tests.transactions.trying import UseCase

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope, tenant
from fairlead.domain.budgets import takes_for
from fairlead.domain.letters import Letter
from fairlead.domain.providers import Identity
from fairlead.queries.sign_ins import Account
from fairlead.services import (
    attempts,
    credential_changes,
    delivery,
    identities,
    invitations,
    mails,
    members,
    organizations,
    passwords,
    second_factors,
    sessions,
    sign_ins,
    sign_ups,
    verifications,
)
from fairlead.services.access import Person
from fairlead.services.audit import OPERATOR
from fairlead.services.passwords import Checked
from fairlead.services.sessions import Client
from fairlead.services.verifications import Shown

CLIENT: Final = Client("192.0.2.1", "tests", "the-request")
_URL: Final = "https://queues.test"
_UNSEEN: Final = text("update sessions set last_seen_at = now() - interval '1 hour' where id = :id")
_RIGHT: Final = Checked(right=True)


@dataclass(frozen=True)
class AccountWorld:
    """An owner with a password and a second factor, a member who was offered one, and a token of each kind."""

    scope: TenantScope
    owner: str
    owner_email: str
    member: str
    session_id: str
    session_token: str
    offered: bytes
    backup_code: str
    asked: str
    reset: str
    challenge: str
    invitation: str
    invited: str
    to_a_member: str

    @property
    def home(self) -> str:
        """The organization's id."""
        return self.scope.organization_id

    @property
    def code(self) -> str:
        """The present code of the factor that the member was offered."""
        return code_of(self.offered, time.time())

    @property
    def person(self) -> Person:
        """The owner, signed in."""
        return Person(self.owner, self.session_id)

    @property
    def attempt(self) -> sign_ins.Attempt:
        """An attempt of the owner's that was counted."""
        account = Account(self.owner_email, self.owner, "the hash")
        takes = takes_for("sign_in", account=self.owner_email, address=CLIENT.address, usual=False)
        return sign_ins.Attempt(account, tuple(takes))

    @property
    def sign_up(self) -> Shown:
        """What the token of a sign-up stands for."""
        return Shown("x", None, "sign_up", "n@new.org", None, "New", "New", "a hash")  # type: ignore[arg-type]  # nobody looks at its end


async def _invited(session: Session, scope: TenantScope, email: str) -> tuple[str, str]:
    """Invite an address; return the invitation's id and its token."""
    own = scope.organization_id
    made = await invitations.create_invitation(session, FLEET, organization_id=own, email=email, role_id="member")
    letter = await invitations.write_invitation(session, FLEET, organization_id=own, invitation_id=made.id, url=_URL)
    assert letter
    return made.id, token_in([letter])


async def _asked(session: Session, email: str) -> str:
    """Ask for a mail to reset a password; return the request's id."""
    await verifications.request_by_mail(session, FLEET, purpose="reset_password", email=email)
    newest = "select id from verifications where email = :email order by created_at desc, id desc limit 1"
    return str((await session.execute(text(newest).bindparams(email=email))).scalar_one())


async def _factors(session: Session, owner: str, member: str) -> tuple[bytes, str]:
    """Give the owner a factor and offer the member one; return the member's secret and a backup code of the owner's."""
    offers = [
        await second_factors.offer_second_factor(session, FLEET, user_id=user_id, pepper=PEPPER)
        for user_id in (owner, member)
    ]
    own, members = (base64.b32decode(offered.secret) for offered in offers)
    backup_codes = await second_factors.confirm_second_factor(
        session, FLEET, user_id=owner, code=code_of(own, time.time()), pepper=PEPPER, actor=OPERATOR
    )
    return members, backup_codes[0]


async def make_account_world(database: Database) -> AccountWorld:
    """Make the world."""
    email = "owner@acme.org"
    async with database.unit_of_work(FLEET) as session:
        founded, other = [
            await organizations.found_organization(
                session, FLEET, name=name, slug=name, owner_email=f"owner@{name}.org", owner_name="Owner"
            )
            for name in ("acme", "other")
        ]
        owner, member, own = founded.owner.id, other.owner.id, tenant(founded.organization.id)
        await passwords.set_password(session, FLEET, user_id=owner, secret_hash="the hash")
        started = await sessions.start_session(session, FLEET, user_id=owner, client=Client("198.51.100.1"))
        await session.execute(_UNSEEN.bindparams(id=started.session.id))
        offered, backup_code = await _factors(session, owner, member)
        used = await verifications.write_letter(session, FLEET, verification_id=await _asked(session, email), url=_URL)
        assert used
        challenge = await verifications.start_challenge(session, FLEET, user_id=owner, email=email)
        invitation, invited = await _invited(session, own, "new@acme.org")
        _, to_a_member = await _invited(session, own, other.owner.email)
        await attempts.take_attempt(session, FLEET, kind="sign_in", account=email, address=CLIENT.address)
        return AccountWorld(
            scope=own,
            owner=owner,
            owner_email=email,
            member=member,
            session_id=started.session.id,
            session_token=started.token,
            offered=offered,
            backup_code=backup_code,
            asked=await _asked(session, other.owner.email),
            reset=token_in([used]),
            challenge=challenge,
            invitation=invitation,
            invited=invited,
            to_a_member=to_a_member,
        )


def _above(call: Any) -> UseCase:
    return UseCase(call, above=True)


_FACTOR: Final[dict[str, Any]] = {"pepper": PEPPER}
ACCOUNT_CASES: Final = {
    "attempts.take_attempt": _above(
        lambda s, o, w: attempts.take_attempt(s, o, kind="sign_in", account=w.owner_email, address="a")
    ),
    "attempts.return_attempt": _above(lambda s, o, w: attempts.return_attempt(s, o, takes=w.attempt.takes)),
    "credential_changes.change_password": _above(
        lambda s, o, w: credential_changes.change_password(s, o, person=w.person, secret_hash="new", client=CLIENT)
    ),
    "credential_changes.put_second_factor_in_force": _above(
        lambda s, o, w: credential_changes.put_second_factor_in_force(
            s, o, person=Person(w.member, "none"), code=w.code, client=CLIENT, **_FACTOR
        )
    ),
    "credential_changes.reset_password": _above(
        lambda s, o, w: credential_changes.reset_password(s, o, token=w.reset, secret_hash="new", client=CLIENT)
    ),
    "credential_changes.take_second_factor_away": _above(
        lambda s, o, w: credential_changes.take_second_factor_away(s, o, person=w.person, client=CLIENT)
    ),
    "delivery.keep": _above(lambda s, o, _: delivery.keep(s, o, letter=Letter("n@new.org", "Hello", "Text"))),
    "identities.sign_in_as": _above(
        lambda s, o, _: identities.sign_in_as(
            s,
            o,
            identity=Identity("https://issuer.test", "42", "New", "n@new.org"),
            organization_name="New",
            client=CLIENT,
            actor=OPERATOR,
        )
    ),
    "invitations.accept_invitation": _above(
        lambda s, o, w: invitations.accept_invitation(s, o, token=w.to_a_member, user_id=w.member)
    ),
    "invitations.create_invitation": _above(
        lambda s, o, w: invitations.create_invitation(
            s, o, organization_id=w.home, email="new@acme.org", role_id="viewer"
        )
    ),
    "invitations.revoke_invitation": UseCase(
        lambda s, o, w: invitations.revoke_invitation(s, o, invitation_id=w.invitation)
    ),
    "invitations.sign_up_by_invitation": _above(
        lambda s, o, w: invitations.sign_up_by_invitation(s, o, token=w.invited, name="New", secret_hash="new")
    ),
    "invitations.write_invitation": _above(
        lambda s, o, w: invitations.write_invitation(s, o, organization_id=w.home, invitation_id=w.invitation, url=_URL)
    ),
    "mails.request_mail": _above(lambda s, o, w: mails.request_mail(s, o, kind="verification", subject_id=w.asked)),
    "members.admit_member": _above(
        lambda s, o, w: members.admit_member(
            s, o, organization_id=w.home, user_id=w.member, role_id="member", actor=OPERATOR
        )
    ),
    "organizations.found_organization_for": _above(
        lambda s, o, w: organizations.found_organization_for(s, o, name="New", slug="new", user_id=w.owner)
    ),
    "passwords.keep_renewed": _above(
        lambda s, o, w: passwords.keep_renewed(s, o, user_id=w.owner, secret_hash="stronger")
    ),
    "passwords.set_password": _above(lambda s, o, w: passwords.set_password(s, o, user_id=w.member, secret_hash="new")),
    "second_factors.confirm_second_factor": _above(
        lambda s, o, w: second_factors.confirm_second_factor(
            s, o, user_id=w.member, code=w.code, actor=OPERATOR, **_FACTOR
        )
    ),
    "second_factors.is_right_code": _above(
        lambda s, o, w: second_factors.is_right_code(s, o, user_id=w.owner, code=w.backup_code, **_FACTOR)
    ),
    "second_factors.offer_second_factor": _above(
        lambda s, o, w: second_factors.offer_second_factor(s, o, user_id=w.member, **_FACTOR)
    ),
    "second_factors.remove_second_factor": _above(
        lambda s, o, w: second_factors.remove_second_factor(s, o, user_id=w.owner, actor=OPERATOR)
    ),
    "second_factors.renew_backup_codes": _above(
        lambda s, o, w: second_factors.renew_backup_codes(s, o, user_id=w.owner, actor=OPERATOR, **_FACTOR)
    ),
    "sessions.authenticate_session": _above(lambda s, o, w: sessions.authenticate_session(s, o, token=w.session_token)),
    "sessions.end_session": _above(
        lambda s, o, w: sessions.end_session(s, o, user_id=w.owner, session_id=w.session_id)
    ),
    "sessions.end_sessions": _above(lambda s, o, w: sessions.end_sessions(s, o, user_id=w.owner)),
    "sessions.start_session": _above(lambda s, o, w: sessions.start_session(s, o, user_id=w.member, client=CLIENT)),
    "sign_ins.answer_challenge": _above(
        lambda s, o, w: sign_ins.answer_challenge(
            s, o, attempt=w.attempt, challenge=w.challenge, code=w.backup_code, client=CLIENT, **_FACTOR
        )
    ),
    "sign_ins.begin_code": _above(lambda s, o, w: sign_ins.begin_code(s, o, challenge=w.challenge, client=CLIENT)),
    "sign_ins.begin_confirmation": _above(
        lambda s, o, w: sign_ins.begin_confirmation(s, o, person=w.person, client=CLIENT)
    ),
    "sign_ins.begin_sign_in": _above(lambda s, o, w: sign_ins.begin_sign_in(s, o, email=w.owner_email, client=CLIENT)),
    "sign_ins.confirm": _above(lambda s, o, w: sign_ins.confirm(s, o, attempt=w.attempt, checked=_RIGHT)),
    "sign_ins.finish_sign_in": _above(
        lambda s, o, w: sign_ins.finish_sign_in(s, o, attempt=w.attempt, checked=_RIGHT, client=CLIENT)
    ),
    "sign_ups.complete_sign_up": _above(
        lambda s, o, w: sign_ups.complete_sign_up(s, o, shown=w.sign_up, actor=OPERATOR)
    ),
    "sign_ups.found_for": _above(
        lambda s, o, _: sign_ups.found_for(s, o, email="n@new.org", name="New", organization_name="New", actor=OPERATOR)
    ),
    "sign_ups.request_sign_up": _above(
        lambda s, o, _: sign_ups.request_sign_up(
            s, o, email="n@new.org", name="New", organization_name="New", secret_hash="new"
        )
    ),
    "verifications.request_by_mail": _above(
        lambda s, o, w: verifications.request_by_mail(s, o, purpose="reset_password", email=w.owner_email)
    ),
    "verifications.start_challenge": _above(
        lambda s, o, w: verifications.start_challenge(s, o, user_id=w.owner, email=w.owner_email)
    ),
    "verifications.use_token": _above(
        lambda s, o, w: verifications.use_token(s, o, token=w.reset, purposes={"reset_password"})
    ),
    "verifications.verify_address": _above(
        lambda s, o, w: verifications.verify_address(s, o, user_id=w.owner, email=w.owner_email, actor=OPERATOR)
    ),
    "verifications.void_tokens": _above(lambda s, o, w: verifications.void_tokens(s, o, user_id=w.owner)),
    "verifications.write_letter": _above(
        lambda s, o, w: verifications.write_letter(s, o, verification_id=w.asked, url=_URL)
    ),
}
