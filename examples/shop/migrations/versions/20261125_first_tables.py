"""First tables.

- add schema shop
- add enum shop.order_status
- add function shop.touch()
- create table shop.shops
- create table shop.customers
- create table shop.orders
- alter table shop.customers: row-level security, forced row-level security
- alter table shop.orders: row-level security, forced row-level security
- add index customers_shop_id_idx on shop.customers
- add index orders_customer_id_idx on shop.orders
- add index orders_shop_id_idx on shop.orders
- add trigger orders_touch on shop.orders
- add policy customers_own on shop.customers
- add policy orders_own on shop.orders

Revision: 20261125_first_tables, after nothing
"""

from __future__ import annotations

from alembic import op

revision = "20261125_first_tables"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One transaction, whose locks are held for a moment."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("create schema shop")
    op.execute("create type shop.order_status as enum ('new', 'paid', 'shipped')")
    op.execute("""
CREATE OR REPLACE FUNCTION shop.touch()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
    BEGIN
        NEW.changed_at = statement_timestamp();
        RETURN NEW;
    END $function$
""")
    op.execute("""
        CREATE TABLE shop.shops (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            name TEXT NOT NULL,
            CONSTRAINT shops_pkey PRIMARY KEY (id)
        )
    """)
    op.execute("""
        CREATE TABLE shop.customers (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            shop_id BIGINT NOT NULL,
            fullname TEXT NOT NULL,
            email TEXT,
            CONSTRAINT customers_pkey PRIMARY KEY (id),
            CONSTRAINT customers_shop_id_fkey FOREIGN KEY(shop_id) REFERENCES shop.shops (id) ON DELETE CASCADE
        )
    """)
    op.execute("""
        CREATE TABLE shop.orders (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            shop_id BIGINT NOT NULL,
            customer_id BIGINT NOT NULL,
            status shop.order_status DEFAULT 'new' NOT NULL,
            total_cents BIGINT DEFAULT '0' NOT NULL,
            note TEXT,
            changed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            CONSTRAINT orders_pkey PRIMARY KEY (id),
            CONSTRAINT orders_customer_id_fkey FOREIGN KEY(customer_id) REFERENCES shop.customers (id),
            CONSTRAINT orders_shop_id_fkey FOREIGN KEY(shop_id) REFERENCES shop.shops (id) ON DELETE CASCADE,
            CONSTRAINT orders_total_check CHECK (total_cents >= 0)
        )
    """)
    op.execute("alter table shop.customers enable row level security")
    op.execute("alter table shop.customers force row level security")
    op.execute("alter table shop.orders enable row level security")
    op.execute("alter table shop.orders force row level security")
    op.execute("CREATE INDEX customers_shop_id_idx ON shop.customers (shop_id)")
    op.execute("CREATE INDEX orders_customer_id_idx ON shop.orders (customer_id)")
    op.execute("CREATE INDEX orders_shop_id_idx ON shop.orders (shop_id)")
    op.execute("""
        CREATE TRIGGER orders_touch BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch()
    """)
    op.execute("""
        create policy customers_own on shop.customers to public
            using (shop_id = (NULLIF(current_setting('shop.current'::text, true), ''::text))::bigint)
    """)
    op.execute("""
        create policy orders_own on shop.orders to public
            using (shop_id = (NULLIF(current_setting('shop.current'::text, true), ''::text))::bigint)
    """)


def downgrade() -> None:
    """Undo the upgrade."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE shop.orders")
    op.execute("DROP TABLE shop.customers")
    op.execute("DROP TABLE shop.shops")
    op.execute("drop function shop.touch()")
    op.execute("drop type shop.order_status")
    op.execute("drop schema shop")
