"""How each public function about sessions, members and invitations is aimed at another organization, and at a ghost."""

from __future__ import annotations

from typing import Final

from tests.tenancy.case import Case

from fairlead.domain.tokens import token_hash
from fairlead.queries import members as member_queries
from fairlead.queries import sessions as session_queries
from fairlead.services import access, sessions

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
    "queries.sessions.find_session_holder": Case(
        lambda s, scope, _, at: session_queries.find_session_holder(s, scope, token_hash=token_hash(at.session_token))
    ),
    "services.access.enter": Case(
        lambda s, scope, own, at: access.enter(
            s, scope, person=access.Person(own.member_id, "a session"), organization_id=at.organization_id
        )
    ),
    "services.sessions.authenticate_session": Case(
        lambda s, scope, _, at: sessions.authenticate_session(s, scope, token=at.session_token)
    ),
}
