"""Users: people, known by one canonical e-mail address."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Computed, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import HIDDEN, Base, CreatedAt, Id, KeyText, UpdatedAt
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.api_keys import ApiKey
    from fairlead.schema.organizations import Organization
    from fairlead.schema.roles import Role

# Cut to the limits of what is cut (`domain/limits.py`), so that the index's rows have room in a page.
_SEARCH_TEXT = """lower((left(name, 100) || E'\\n' || left(email, 254)) collate "default") collate "C\""""


class User(Base):
    """A person; `organization_id` is the home organization, membership is in `user_roles`.

    `email` holds the canonical form (`domain/names.py`), unique among users that are not deleted.
    `search_text` is name and address in lower case, which a search reads from the index of the organization's users.
    """

    __tablename__ = "users"

    id: Mapped[Id]
    email: Mapped[KeyText]
    name: Mapped[str]
    image: Mapped[str | None]
    organization_id: Mapped[KeyText | None] = mapped_column(ForeignKey("organizations.id", ondelete="SET NULL"))
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    deleted_at: Mapped[datetime | None]
    search_text: Mapped[str | None] = mapped_column(
        Text(collation="C"), Computed(_SEARCH_TEXT, persisted=True), info=HIDDEN
    )

    organization: Mapped[Organization | None] = related()
    api_keys: Mapped[list[ApiKey]] = related()
    roles: Mapped[list[Role]] = related(through="user_roles")

    __table_args__ = (
        Index("users_email_idx", "email", unique=True, postgresql_where=text("deleted_at is null")),
        Index(
            "users_org_idx",
            "organization_id",
            text("created_at desc"),
            text("id desc"),
            postgresql_include=["deleted_at", "search_text"],
        ),
    )
