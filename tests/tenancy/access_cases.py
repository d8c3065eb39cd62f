"""How each public function about sessions, members and invitations is aimed at another organization, and at a ghost."""

from __future__ import annotations

from typing import Final

from tests.tenancy.case import Case
from tests.tenancy.world import ASKED, PEPPER

from fairlead.domain.tokens import token_hash
from fairlead.queries import invitations as invitation_queries
from fairlead.queries import members as member_queries
from fairlead.queries import organizations as organization_queries
from fairlead.queries import sessions as session_queries
from fairlead.queries import usage
from fairlead.queries.page import Window
from fairlead.services import access, audit, idempotency, invitations, members, offers, organizations, sessions

ACTOR: Final = audit.Actor("user")

ACCESS_CASES: Final[dict[str, Case]] = {
    "queries.members.roles_by_member": Case(
        lambda s, scope, _, at: member_queries.roles_by_member(s, scope, user_ids=[at.owner_id, at.member_id])
    ),
    "queries.members.roles_by_member of ones own": Case(
        lambda s, scope, own, _: member_queries.roles_by_member(s, scope, user_ids=[own.member_id])
    ),
    "queries.invitations.get_invitation": Case(
        lambda s, scope, _, at: invitation_queries.get_invitation(s, scope, invitation_id=at.invitation_id)
    ),
    "queries.invitations.get_invitation_page": Case(
        lambda s, scope, _, __: invitation_queries.get_invitation_page(s, scope, window=Window(1, 100))
    ),
    "queries.invitations.open_invitations_to": Case(
        lambda s, scope, _, __: invitation_queries.open_invitations_to(s, scope, email="invited@example.org")
    ),
    "queries.invitations.open_invitations_by": Case(
        lambda s, scope, _, at: invitation_queries.open_invitations_by(s, scope, user_id=at.owner_id)
    ),
    "services.offers.end_offers": Case(lambda s, scope, _, at: offers.end_offers(s, scope, invited_by=at.owner_id)),
    "services.invitations.revoke_invitation": Case(
        lambda s, scope, _, at: invitations.revoke_invitation(s, scope, invitation_id=at.invitation_id)
    ),
    "queries.usage.get_usage": Case(lambda s, scope, _, __: usage.get_usage(s, scope)),
}

SYSTEM_ACCESS_CASES: Final[dict[str, Case]] = {
    "queries.members.find_permissions": Case(
        lambda s, scope, _, at: member_queries.find_permissions(
            s, scope, organization_id=at.organization_id, user_id=at.owner_id
        )
    ),
    "queries.members.find_permissions of ones own": Case(
        lambda s, scope, own, at: member_queries.find_permissions(
            s, scope, organization_id=at.organization_id, user_id=own.member_id
        )
    ),
    "queries.members.get_member_page": Case(
        lambda s, scope, _, at: member_queries.get_member_page(
            s, scope, organization_id=at.organization_id, window=Window(1, 100)
        )
    ),
    "queries.members.get_member_page by address": Case(
        lambda s, scope, _, at: member_queries.get_member_page(
            s, scope, organization_id=at.organization_id, window=Window(1, 100), search=at.member_email
        )
    ),
    "queries.members.get_member": Case(
        lambda s, scope, _, at: member_queries.get_member(
            s, scope, organization_id=at.organization_id, user_id=at.member_id
        )
    ),
    "queries.organizations.get_page_of_member": Case(
        lambda s, scope, _, at: organization_queries.get_page_of_member(
            s, scope, user_id=at.owner_id, window=Window(1, 100)
        )
    ),
    "queries.sessions.find_session_holder": Case(
        lambda s, scope, _, at: session_queries.find_session_holder(s, scope, token_hash=token_hash(at.session_token))
    ),
    "queries.invitations.find_offer": Case(
        lambda s, scope, _, at: invitation_queries.find_offer(s, scope, token_hash=at.invitation_id)
    ),
    "queries.invitations.find_offer_of": Case(
        lambda s, scope, _, at: invitation_queries.find_offer_of(
            s, scope, organization_id=at.organization_id, invitation_id=at.invitation_id
        )
    ),
    "services.invitations.create_invitation": Case(
        lambda s, scope, _, at: invitations.create_invitation(
            s, scope, organization_id=at.organization_id, email="new@example.org", role_id="viewer"
        )
    ),
    "services.invitations.write_invitation": Case(
        lambda s, scope, _, at: invitations.write_invitation(
            s, scope, organization_id=at.organization_id, invitation_id=at.invitation_id, url="https://example.org"
        )
    ),
    "services.invitations.look_at_invitation": Case(
        lambda s, scope, _, at: invitations.look_at_invitation(s, scope, token=at.invitation_id), own=False
    ),
    "services.invitations.accept_invitation": Case(
        lambda s, scope, _, at: invitations.accept_invitation(s, scope, token=at.invitation_id, user_id=at.member_id),
        own=False,
    ),
    "services.invitations.sign_up_by_invitation": Case(
        lambda s, scope, _, at: invitations.sign_up_by_invitation(
            s, scope, token=at.invitation_id, name="x", secret_hash="x"
        ),
        own=False,
    ),
    "services.access.enter": Case(
        lambda s, scope, own, at: access.enter(
            s, scope, person=access.Person(own.member_id, "a session"), organization_id=at.organization_id
        )
    ),
    "services.members.admit_member": Case(
        lambda s, scope, own, at: members.admit_member(
            s, scope, organization_id=own.organization_id, user_id=at.owner_id, role_id="viewer", actor=ACTOR
        )
    ),
    "services.members.admit_member to theirs": Case(
        lambda s, scope, own, at: members.admit_member(
            s, scope, organization_id=at.organization_id, user_id=own.member_id, role_id="viewer", actor=ACTOR
        )
    ),
    "services.organizations.found_organization_for": Case(
        lambda s, scope, _, at: organizations.found_organization_for(
            s, scope, name="x", slug=f"x{at.slug}", user_id=at.owner_id
        )
    ),
    "services.idempotency.recall_personal_answer": Case(
        lambda s, scope, _, at: idempotency.recall_personal_answer(
            s, scope, user_id=at.owner_id, attempt=ASKED, secret=PEPPER
        )
    ),
    "services.idempotency.keep_personal_answer": Case(
        lambda s, scope, _, at: idempotency.keep_personal_answer(
            s, scope, user_id=at.owner_id, attempt=ASKED._replace(key="another"), answer=b"", secret=PEPPER
        )
    ),
    "services.sessions.authenticate_session": Case(
        lambda s, scope, _, at: sessions.authenticate_session(s, scope, token=at.session_token)
    ),
}
