"""Personal idempotency keys: the first answer to what a person made once outside every organization, such as one.

As `idempotency_keys`, of a person instead of an organization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, CreatedAt, KeyText
from fairlead.schema.relations import related
from fairlead.schema.row_security import RowSecurity

if TYPE_CHECKING:
    from fairlead.schema.users import User


class PersonalIdempotencyKey(Base):
    """One key of one route of a person; `fingerprint` is of what was asked, `answer` of what was said."""

    __tablename__ = "personal_idempotency_keys"
    row_security = RowSecurity(column=None)

    user_id: Mapped[KeyText] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    route: Mapped[KeyText] = mapped_column(primary_key=True)
    key: Mapped[KeyText] = mapped_column(primary_key=True)
    fingerprint: Mapped[KeyText]
    answer: Mapped[bytes]
    created_at: Mapped[CreatedAt]

    user: Mapped[User] = related()
