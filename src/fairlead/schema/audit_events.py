"""Audit events: who changed what, written in the transaction of the change; the application can only add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped

from fairlead.schema.base import Base, CreatedAt, Id, KeyText
from fairlead.schema.relations import related
from fairlead.schema.row_security import RowSecurity

if TYPE_CHECKING:
    from fairlead.schema.organizations import Organization


class AuditEvent(Base):
    """One change by one actor, with the values before and after; never a secret. No organization: nobody's thing."""

    __tablename__ = "audit_events"
    row_security = RowSecurity(grant="select, insert")

    id: Mapped[Id]
    organization_id: Mapped[KeyText | None]  # no foreign key: the trail outlives its organization
    actor_kind: Mapped[KeyText]
    actor_id: Mapped[KeyText | None]
    action: Mapped[KeyText]
    subject_kind: Mapped[KeyText]
    subject_id: Mapped[KeyText]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    request_id: Mapped[str | None]
    created_at: Mapped[CreatedAt]

    organization: Mapped[Organization | None] = related(on="foreign(AuditEvent.organization_id) == Organization.id")

    __table_args__ = (
        CheckConstraint("actor_kind in ('user', 'api_key', 'operator', 'system')", name="actor_kind"),
        Index("audit_events_org_idx", "organization_id", text("created_at desc"), text("id desc")),
        Index("audit_events_subject_idx", "organization_id", "subject_id", text("created_at desc"), text("id desc")),
    )
