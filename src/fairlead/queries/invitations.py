"""Invitations: those of an organization, and what a token that was shown offers to whoever got it by mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import ColumnElement, and_, select

from fairlead.db.rows import NOW, get_row, read_rows, visible
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope, SystemScope
from fairlead.domain.permissions import Permission
from fairlead.queries.page import Page, Window, read_page
from fairlead.rows import Invitation
from fairlead.schema.invitations import Invitation as InvitationTable

InvitationState: TypeAlias = Literal["open", "accepted", "revoked", "expired"]

_UNUSED: Final = and_(InvitationTable.accepted_at.is_(None), InvitationTable.revoked_at.is_(None))
_STATES: Final[dict[InvitationState, ColumnElement[bool]]] = {
    "open": and_(_UNUSED, InvitationTable.expires_at > NOW),
    "accepted": InvitationTable.accepted_at.is_not(None),
    "revoked": and_(InvitationTable.revoked_at.is_not(None), InvitationTable.accepted_at.is_(None)),
    "expired": and_(_UNUSED, InvitationTable.expires_at <= NOW),
}

_OFFER: Final = """
select i.id, i.organization_id, i.role_id, i.email, o.name, r.name, coalesce(u.name, 'Somebody'), i.expires_at
from invitations i
join organizations o on o.id = i.organization_id and o.deleted_at is null
join roles r on r.owner_scope = i.role_scope and r.id = i.role_id
left join users u on u.id = i.invited_by and u.deleted_at is null
where {which} and i.accepted_at is null and i.revoked_at is null and i.expires_at > statement_timestamp()
    and (i.invited_by is null or r.permissions || cast(:needed as text) <@ (
        select array_agg(p.permission)
        from user_roles g
        join roles h on h.owner_scope = g.role_scope and h.id = g.role_id
        cross join unnest(h.permissions) as p (permission)
        where g.organization_id = i.organization_id and g.user_id = u.id
    ))
"""
_NEEDED: Final = {"needed": Permission.MEMBERS_MANAGE.value}  # beside those of the role, by whoever offers it
OFFER_BY_TOKEN: Final = Statement(_OFFER, which="i.token_hash = :token_hash")
OFFER: Final = Statement(_OFFER, which="i.organization_id = :organization_id and i.id = :invitation_id")


@dataclass(frozen=True, slots=True)
class Offer:
    """What an open invitation offers, to whom, and who made it."""

    invitation_id: str
    organization_id: str
    role_id: str
    email: str
    organization_name: str
    role_name: str
    inviter_name: str
    expires_at: datetime


async def get_invitation(session: Session, scope: Scope, *, invitation_id: str) -> Invitation:
    """Return an invitation in whatever state; raises NotFound for an unknown or another organization's one."""
    return await get_row(session, scope, InvitationTable, key={"id": invitation_id}, model=Invitation)


async def get_invitation_page(
    session: Session, scope: Scope, *, window: Window, state: InvitationState | None = None
) -> Page[Invitation]:
    """Return a page of invitations, newest first, in one state or in any, by the database's clock."""
    where = [*visible(scope, InvitationTable), *([] if state is None else [_STATES[state]])]
    return await read_page(session, InvitationTable, where=where, window=window, model=Invitation)


async def open_invitations_to(session: Session, scope: Scope, *, email: str) -> list[Invitation]:
    """Return the open invitations to a canonical address."""
    columns = [getattr(InvitationTable, name) for name in Invitation.__dataclass_fields__]
    where = [*visible(scope, InvitationTable), InvitationTable.email == email, _STATES["open"]]
    return await read_rows(session, select(*columns).where(*where).order_by(InvitationTable.id), model=Invitation)


async def open_invitations_by(session: Session, scope: Scope, *, user_id: str) -> list[Invitation]:
    """Return the open invitations that a user made."""
    columns = [getattr(InvitationTable, name) for name in Invitation.__dataclass_fields__]
    where = [*visible(scope, InvitationTable), InvitationTable.invited_by == user_id, _STATES["open"]]
    return await read_rows(session, select(*columns).where(*where).order_by(InvitationTable.id), model=Invitation)


async def find_offer(session: Session, _scope: SystemScope, *, token_hash: str) -> Offer | None:
    """Return what the token of a hash offers; None for one that is unknown, used, revoked or over.

    It is over, too, once whoever made it may not offer that role any more: they left, or were given less.
    """
    return _offer(await session.run(OFFER_BY_TOKEN, {"token_hash": token_hash, **_NEEDED}))


async def find_offer_of(
    session: Session, _scope: SystemScope, *, organization_id: str, invitation_id: str
) -> Offer | None:
    """Return what an invitation of an organization offers; None as for `find_offer`."""
    bound = {"organization_id": organization_id, "invitation_id": invitation_id, **_NEEDED}
    return _offer(await session.run(OFFER, bound))


def _offer(rows: Any) -> Offer | None:
    return Offer(*rows[0]) if rows else None
