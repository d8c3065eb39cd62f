"""API keys: how programs of one organization identify themselves."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import HIDDEN, Base, CreatedAt, Id, KeyText
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.organizations import Organization
    from fairlead.schema.users import User


class ApiKey(Base):
    """A key: only its HMAC and its visible prefix are kept. `queue_ids` null means every queue.

    `rotated_from` is the key this one replaces; a key is replaced once.
    """

    __tablename__ = "api_keys"

    id: Mapped[Id]
    name: Mapped[str]
    key_hash: Mapped[KeyText] = mapped_column(info=HIDDEN)
    key_prefix: Mapped[str]
    user_id: Mapped[KeyText] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    organization_id: Mapped[KeyText] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    scopes: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    queue_ids: Mapped[list[str] | None]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    rotated_from: Mapped[KeyText | None]

    user: Mapped[User] = related()
    organization: Mapped[Organization] = related()
    predecessor: Mapped[ApiKey | None] = related(
        on="and_(foreign(ApiKey.organization_id) == remote(ApiKey.organization_id), "
        "foreign(ApiKey.rotated_from) == remote(ApiKey.id))"
    )

    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        ForeignKeyConstraint(
            ["organization_id", "rotated_from"],
            ["api_keys.organization_id", "api_keys.id"],
            ondelete="SET NULL (rotated_from)",
        ),
        Index("api_keys_hash_idx", "key_hash", unique=True),
        Index("api_keys_org_idx", "organization_id", text("created_at desc"), text("id desc")),
        Index("api_keys_user_idx", "user_id"),
        Index("api_keys_rotated_idx", "rotated_from", unique=True),
    )
