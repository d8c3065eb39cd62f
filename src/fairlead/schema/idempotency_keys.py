"""Idempotency keys: the first answer to a request that makes something, kept for whoever sends the request again.

Written in the transaction that makes the thing, so that there is no answer without it and no thing without its answer.
Answers are sealed (`services/sealing.py`), because some show a secret that is shown once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, CreatedAt, KeyText
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.organizations import Organization


class IdempotencyKey(Base):
    """One key of one route of an organization; `fingerprint` is of what was asked, `answer` of what was said."""

    __tablename__ = "idempotency_keys"

    organization_id: Mapped[KeyText] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    route: Mapped[KeyText] = mapped_column(primary_key=True)
    key: Mapped[KeyText] = mapped_column(primary_key=True)
    fingerprint: Mapped[KeyText]
    answer: Mapped[bytes]
    created_at: Mapped[CreatedAt]

    organization: Mapped[Organization] = related()

    __table_args__ = (Index("idempotency_keys_created_idx", "created_at"),)
