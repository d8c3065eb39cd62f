"""The ground all tables stand on: naming, column types, the columns every table has.

Text that is compared or indexed is `COLLATE "C"`: bytewise, the same on every server and libc.
All instants are `timestamptz`, filled by the database's clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from sqlalchemy import DDL, DateTime, Double, MetaData, Text, event, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from fairlead.schema.row_security import RowSecurity, foundation_statements, security_statements

NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
}

KeyText = Annotated[str, mapped_column(Text(collation="C"))]
Id = Annotated[str, mapped_column(Text(collation="C"), primary_key=True)]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
UpdatedAt = Annotated[
    datetime, mapped_column(DateTime(timezone=True), server_default=func.now(), onupdate=func.statement_timestamp())
]

# A hidden column is in no row type (`fairlead.rows`): hashes of secrets, and what only keys and checks need.
HIDDEN: dict[Any, Any] = {"hidden": True}


class Base(DeclarativeBase):
    """The declarative base; `metadata` is the whole declared schema, roles and row security included.

    `metadata.create_all`, in a transaction on an empty database, makes what the migrations make.
    """

    row_security: ClassVar[RowSecurity] = RowSecurity()

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        list[dict[str, Any]]: JSONB(),
        list[str]: ARRAY(Text(collation="C")),
        list[float]: ARRAY(Double()),
    }
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - declarative's own protocol

    def __init_subclass__(cls, **options: Any) -> None:
        """Secure the table in the moment it is made."""
        super().__init_subclass__(**options)
        run_after_create(cls, *security_statements(cls.__tablename__, cls.row_security))


# Registered before any table or type is declared, and so run before any of them is made.
for _statement in foundation_statements():
    event.listen(Base.metadata, "before_create", DDL(_statement))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
event.listen(Base.metadata, "after_create", DDL("reset role"))  # type: ignore[no-untyped-call]  # same


def run_after_create(model: type[Base], *statements: str) -> None:
    """Run further DDL whenever the model's table is created from the metadata."""
    for statement in statements:
        event.listen(model.__table__, "after_create", DDL(statement))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
