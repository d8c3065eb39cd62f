"""The shop's tables: every shop is a tenant, and sees its own customers and orders only.

What SQLAlchemy has no word for (policies, functions, triggers, grants) is said as DDL that runs when the table is made;
`fairlead db` compares what comes of it, so nothing said here can be missing in the migrations without being noticed.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    MetaData,
    Text,
    event,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

metadata = MetaData(
    schema="shop",
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)
event.listen(metadata, "before_create", DDL("CREATE SCHEMA IF NOT EXISTS shop"))

Id = Annotated[int, mapped_column(Identity(always=True), primary_key=True)]


class Base(DeclarativeBase):
    """Every table of the shop."""

    metadata = metadata
    type_annotation_map = {int: BigInteger, str: Text, datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's way


class OrderStatus(StrEnum):
    """How far an order has come."""

    NEW = "new"
    PAID = "paid"
    SHIPPED = "shipped"


class Shop(Base):
    """A tenant."""

    __tablename__ = "shops"

    id: Mapped[Id]
    name: Mapped[str]


class Customer(Base):
    """Somebody who buys."""

    __tablename__ = "customers"

    id: Mapped[Id]
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.shops.id", ondelete="CASCADE"), index=True)
    fullname: Mapped[str]
    email: Mapped[str | None]


class Order(Base):
    """What somebody bought, and when."""

    __tablename__ = "orders"

    id: Mapped[Id]
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.shops.id", ondelete="CASCADE"), index=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("shop.customers.id"), index=True)
    status: Mapped[OrderStatus] = mapped_column(
        Enum(OrderStatus, name="order_status", values_callable=lambda kind: [status.value for status in kind]),
        server_default="new",
    )
    total_cents: Mapped[int] = mapped_column(server_default="0")
    note: Mapped[str | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("total_cents >= 0", name="total"),)


def after_create(model: type[Base], *statements: str) -> None:
    """Run further DDL whenever the model's table is made from the metadata."""
    for statement in statements:
        event.listen(model.__table__, "after_create", DDL(statement))


def own_rows_only(model: type[Base]) -> None:
    """Let a transaction see the rows of the shop that it named in `shop.current`, and nobody see all of them."""
    table = model.__tablename__
    after_create(
        model,
        f"ALTER TABLE shop.{table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE shop.{table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {table}_own ON shop.{table} "
        "USING (shop_id = nullif(current_setting('shop.current', true), '')::bigint)",
    )


for tenant_table in (Customer, Order):
    own_rows_only(tenant_table)

after_create(
    Order,
    """
    CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.changed_at = statement_timestamp();
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER orders_touch BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch()",
)
