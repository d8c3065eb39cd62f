BEGIN;

CREATE TABLE shop_migrations (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT shop_migrations_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 20261125_first_tables

SET LOCAL lock_timeout = '3s';

create schema shop;

create type shop.order_status as enum ('new', 'paid', 'shipped');

CREATE OR REPLACE FUNCTION shop.touch()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
    BEGIN
        NEW.changed_at = statement_timestamp();
        RETURN NEW;
    END $function$;

CREATE TABLE shop.shops (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    CONSTRAINT shops_pkey PRIMARY KEY (id)
);

CREATE TABLE shop.customers (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    shop_id BIGINT NOT NULL,
    fullname TEXT NOT NULL,
    email TEXT,
    CONSTRAINT customers_pkey PRIMARY KEY (id),
    CONSTRAINT customers_shop_id_fkey FOREIGN KEY(shop_id) REFERENCES shop.shops (id) ON DELETE CASCADE
);

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
);

alter table shop.customers enable row level security;

alter table shop.customers force row level security;

alter table shop.orders enable row level security;

alter table shop.orders force row level security;

CREATE INDEX customers_shop_id_idx ON shop.customers (shop_id);

CREATE INDEX orders_customer_id_idx ON shop.orders (customer_id);

CREATE INDEX orders_shop_id_idx ON shop.orders (shop_id);

CREATE TRIGGER orders_touch BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();

create policy customers_own on shop.customers to public
using (shop_id = (NULLIF(current_setting('shop.current'::text, true), ''::text))::bigint);

create policy orders_own on shop.orders to public
using (shop_id = (NULLIF(current_setting('shop.current'::text, true), ''::text))::bigint);

INSERT INTO shop_migrations (version_num) VALUES ('20261125_first_tables') RETURNING shop_migrations.version_num;

COMMIT;
