"""How each public function about people's own accounts is aimed at another organization's people, and at a ghost."""

from __future__ import annotations

from typing import Any, Final

from tests.tenancy.case import Case
from tests.tenancy.world import PEPPER, Target

from fairlead.db.session import Session
from fairlead.domain.budgets import takes_for
from fairlead.domain.letters import Letter
from fairlead.domain.providers import Identity
from fairlead.queries import kept_mails, second_factors, sessions, sign_ins
from fairlead.queries.sign_ins import Account
from fairlead.services import (
    attempts,
    credential_changes,
    delivery,
    identities,
    mails,
    passwords,
    sign_ups,
    verifications,
)
from fairlead.services import second_factors as factor_services
from fairlead.services import sessions as session_services
from fairlead.services import sign_ins as sign_in_services
from fairlead.services.access import Person
from fairlead.services.audit import OPERATOR
from fairlead.services.passwords import Checked
from fairlead.services.sessions import Client
from fairlead.services.verifications import Shown

CLIENT: Final = Client("192.0.2.1", "tests", "the-request")
TAKES: Final = takes_for("sign_in", account="a", address="b", usual=False)


def _person(at: Target) -> Person:
    return Person(at.owner_id, at.queue_id)


def _attempt(at: Target) -> sign_in_services.Attempt:
    return sign_in_services.Attempt(Account("owner@example.org", at.owner_id, "hash"), ())


def _sign_up(at: Target) -> Shown:
    email = f"new-{at.member_email}"
    return Shown(at.queue_id, None, "sign_up", email, None, "New", "New", "hash")  # type: ignore[arg-type]  # nobody looks


async def _own_session(session: Session, scope: Any, at: Target) -> object:
    found = await sessions.sessions_of(session, scope, user_id=at.owner_id)
    session_id = found[0].id if found else at.queue_id
    await session_services.end_session(session, scope, user_id=at.owner_id, session_id=session_id)
    return None


SYSTEM_ACCOUNT_CASES: Final[dict[str, Case]] = {
    "queries.kept_mails.latest_mails": Case(lambda s, scope, _, __: kept_mails.latest_mails(s, scope)),
    "queries.second_factors.find_sealed_factor": Case(
        lambda s, scope, _, at: second_factors.find_sealed_factor(s, scope, user_id=at.owner_id)
    ),
    "queries.sessions.sessions_of": Case(lambda s, scope, _, at: sessions.sessions_of(s, scope, user_id=at.owner_id)),
    "queries.sign_ins.find_account": Case(
        lambda s, scope, _, at: sign_ins.find_account(s, scope, email=at.member_email, address="192.0.2.1")
    ),
    "queries.sign_ins.find_own_account": Case(
        lambda s, scope, _, at: sign_ins.find_own_account(s, scope, user_id=at.owner_id, address="192.0.2.1")
    ),
    "services.attempts.take_attempt": Case(
        lambda s, scope, _, at: attempts.take_attempt(s, scope, kind="sign_in", account=at.member_email, address="a")
    ),
    "services.attempts.return_attempt": Case(lambda s, scope, _, __: attempts.return_attempt(s, scope, takes=TAKES)),
    "services.credential_changes.change_password": Case(
        lambda s, scope, _, at: credential_changes.change_password(
            s, scope, person=_person(at), secret_hash="hash", client=CLIENT
        )
    ),
    "services.credential_changes.put_second_factor_in_force": Case(
        lambda s, scope, _, at: credential_changes.put_second_factor_in_force(
            s, scope, person=_person(at), code="123456", pepper=PEPPER, client=CLIENT
        ),
        own=False,
    ),
    "services.credential_changes.reset_password": Case(
        lambda s, scope, _, at: credential_changes.reset_password(
            s, scope, token=at.session_token, secret_hash="hash", client=CLIENT
        ),
        own=False,
    ),
    "services.credential_changes.take_second_factor_away": Case(
        lambda s, scope, _, at: credential_changes.take_second_factor_away(s, scope, person=_person(at), client=CLIENT),
        own=False,
    ),
    "services.delivery.keep": Case(
        lambda s, scope, _, at: delivery.keep(s, scope, letter=Letter(at.member_email, "Hello", "Text"))
    ),
    "services.mails.request_mail": Case(
        lambda s, scope, _, at: mails.request_mail(s, scope, kind="verification", subject_id=at.owner_id)
    ),
    "services.passwords.keep_renewed": Case(
        lambda s, scope, _, at: passwords.keep_renewed(s, scope, user_id=at.owner_id, secret_hash="hash"), own=False
    ),
    "services.passwords.set_password": Case(
        lambda s, scope, _, at: passwords.set_password(s, scope, user_id=at.owner_id, secret_hash="hash")
    ),
    "services.second_factors.offer_second_factor": Case(
        lambda s, scope, _, at: factor_services.offer_second_factor(s, scope, user_id=at.owner_id, pepper=PEPPER)
    ),
    "services.second_factors.confirm_second_factor": Case(
        lambda s, scope, _, at: factor_services.confirm_second_factor(
            s, scope, user_id=at.owner_id, code="123456", pepper=PEPPER, actor=OPERATOR
        ),
        own=False,
    ),
    "services.second_factors.renew_backup_codes": Case(
        lambda s, scope, _, at: factor_services.renew_backup_codes(
            s, scope, user_id=at.owner_id, pepper=PEPPER, actor=OPERATOR
        ),
        own=False,
    ),
    "services.second_factors.remove_second_factor": Case(
        lambda s, scope, _, at: factor_services.remove_second_factor(s, scope, user_id=at.owner_id, actor=OPERATOR),
        own=False,
    ),
    "services.second_factors.is_asked_for": Case(
        lambda s, scope, _, at: factor_services.is_asked_for(s, scope, user_id=at.owner_id)
    ),
    "services.second_factors.is_right_code": Case(
        lambda s, scope, _, at: factor_services.is_right_code(
            s, scope, user_id=at.owner_id, code="123456", pepper=PEPPER
        )
    ),
    "services.sessions.start_session": Case(
        lambda s, scope, _, at: session_services.start_session(s, scope, user_id=at.owner_id, client=CLIENT)
    ),
    "services.sessions.end_session": Case(lambda s, scope, _, at: _own_session(s, scope, at)),
    "services.sessions.end_sessions": Case(
        lambda s, scope, _, at: session_services.end_sessions(s, scope, user_id=at.owner_id)
    ),
    "services.sign_ins.begin_sign_in": Case(
        lambda s, scope, _, at: sign_in_services.begin_sign_in(s, scope, email=at.member_email, client=CLIENT)
    ),
    "services.sign_ins.begin_confirmation": Case(
        lambda s, scope, _, at: sign_in_services.begin_confirmation(s, scope, person=_person(at), client=CLIENT)
    ),
    "services.sign_ins.begin_code": Case(
        lambda s, scope, _, at: sign_in_services.begin_code(s, scope, challenge=at.session_token, client=CLIENT),
        own=False,
    ),
    "services.sign_ins.answer_challenge": Case(
        lambda s, scope, _, at: sign_in_services.answer_challenge(
            s,
            scope,
            attempt=_attempt(at),
            challenge=at.session_token,
            code="123456",
            pepper=PEPPER,
            client=CLIENT,
        ),
        own=False,
    ),
    "services.sign_ins.confirm": Case(
        lambda s, scope, _, at: sign_in_services.confirm(s, scope, attempt=_attempt(at), checked=Checked(right=True)),
        own=False,
    ),
    "services.sign_ins.finish_sign_in": Case(
        lambda s, scope, _, at: sign_in_services.finish_sign_in(
            s, scope, attempt=_attempt(at), checked=Checked(right=True), client=CLIENT
        ),
        own=False,
    ),
    "services.identities.sign_in_as": Case(
        lambda s, scope, _, at: identities.sign_in_as(
            s,
            scope,
            identity=Identity("https://issuer.test", at.member_id, "Name", None),
            organization_name=at.member_email,
            client=CLIENT,
            actor=OPERATOR,
        ),
        own=False,
    ),
    "services.sign_ups.found_for": Case(
        lambda s, scope, _, at: sign_ups.found_for(
            s, scope, email=f"new-{at.member_email}", name="New", organization_name="New", actor=OPERATOR
        )
    ),
    "services.sign_ups.request_sign_up": Case(
        lambda s, scope, _, at: sign_ups.request_sign_up(
            s, scope, email=at.member_email, name="New", organization_name="New", secret_hash="hash"
        )
    ),
    "services.sign_ups.complete_sign_up": Case(
        lambda s, scope, _, at: sign_ups.complete_sign_up(s, scope, shown=_sign_up(at), actor=OPERATOR)
    ),
    "services.verifications.request_by_mail": Case(
        lambda s, scope, _, at: verifications.request_by_mail(s, scope, purpose="reset_password", email=at.member_email)
    ),
    "services.verifications.write_letter": Case(
        lambda s, scope, _, at: verifications.write_letter(s, scope, verification_id=at.owner_id, url="http://x")
    ),
    "services.verifications.start_challenge": Case(
        lambda s, scope, _, at: verifications.start_challenge(s, scope, user_id=at.owner_id, email="owner@example.org")
    ),
    "services.verifications.look_at_token": Case(
        lambda s, scope, _, at: verifications.look_at_token(
            s, scope, token=at.session_token, purposes={"reset_password"}
        ),
        own=False,
    ),
    "services.verifications.use_token": Case(
        lambda s, scope, _, at: verifications.use_token(s, scope, token=at.session_token, purposes={"reset_password"}),
        own=False,
    ),
    "services.verifications.verify_address": Case(
        lambda s, scope, _, at: verifications.verify_address(
            s, scope, user_id=at.member_id, email=at.member_email, actor=OPERATOR
        )
    ),
    "services.verifications.void_tokens": Case(
        lambda s, scope, _, at: verifications.void_tokens(s, scope, user_id=at.owner_id)
    ),
}
