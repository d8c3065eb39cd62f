BEGIN;

-- Running downgrade 20261125_first_tables ->

SET LOCAL lock_timeout = '3s';

DROP TABLE shop.orders;

DROP TABLE shop.customers;

DROP TABLE shop.shops;

drop function shop.touch();

drop type shop.order_status;

drop schema shop;

DELETE FROM shop_migrations WHERE shop_migrations.version_num = '20261125_first_tables';

COMMIT;
