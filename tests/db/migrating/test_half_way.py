from __future__ import annotations

import psycopg
import pytest
from tests.fixtures.revisions import Shop, Told, do, rows, shop

from fairlead.db.migrating import run
from fairlead.errors import MigrationFailed

__all__ = ["shop"]
TABLE = "create table orders (id int, grams int constraint orders_check check (grams > 0))"
OTHER_CHECK = (
    "alter table orders drop constraint if exists orders_check, "
    "add constraint orders_check check (grams > {}) not valid"
)
CHECKS = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'orders_check'"


def test_a_check_that_the_rows_do_not_meet(empty_url: str, shop: Shop) -> None:
    """A new check is in force when the rows turn out not to meet it; taken back, the old one is there again."""
    shop.revision("one", TABLE, "insert into orders values (1, 5)", down=("drop table orders",))
    up = [f"> outside({OTHER_CHECK.format(500)!r})", "> outside('alter table orders validate constraint orders_check')"]
    down = [up[0].replace("500", "0"), up[1]]
    path = shop.revision("two", *up, down=tuple(down))
    with pytest.raises(MigrationFailed, match="or take them back with 'fairlead db rollback'"):
        run.upgrade(empty_url, shop.migrations)
    with pytest.raises(psycopg.errors.CheckViolation):
        do(empty_url, "insert into orders values (2, 7)")
    assert run.downgrade(empty_url, shop.migrations) == ["two"]
    do(empty_url, "insert into orders values (2, 7)")
    assert rows(empty_url, CHECKS) == [("CHECK ((grams > 0))",)]
    state = run.look(empty_url, shop.migrations)
    assert (state.heads, state.begun, list(state.ledger.applied)) == (("one",), None, ["one"])
    path.write_text(path.read_text().replace("500", "4"))
    assert run.upgrade(empty_url, shop.migrations) == ["two"]


def test_what_it_had_not_come_to(empty_url: str, shop: Shop) -> None:
    """What was not made is not there to be dropped, and what was not dropped is not missing: both are left out."""
    shop.revision(
        "one",
        "> outside('create table orders (id int)')",
        "> outside('create index concurrently orders_idx on orders (id)')",
        "create table invoices (id int, late int)",
        "alter table invoices drop column late",
        "select 1 / 0",
        down=(
            "> outside('drop index concurrently invoices_idx')",
            "> outside('alter table invoices drop column later')",
            "> outside('drop index concurrently orders_idx')",
            "drop table invoices",
            "create schema public",
            "drop table orders",
        ),
    )
    with pytest.raises(MigrationFailed, match="division by zero"):
        run.upgrade(empty_url, shop.migrations)
    told = Told()
    assert run.downgrade(empty_url, shop.migrations, to="base", tell=told.append) == ["one"]
    assert told.kinds() == ["Applying", *["LeftOut"] * 4]
    assert rows(empty_url, "select tablename from pg_tables where schemaname = 'public'") == [("shop_migrations",)]


def test_the_way_back_fails_too(empty_url: str, shop: Shop) -> None:
    """A way back that fails for any other reason is gone on with; nothing goes forward meanwhile."""
    shop.revision("zero", "create table before (id int)", down=("drop table before",))
    shop.revision(
        "one",
        "> outside('create table orders (id int)')",
        "select 1 / 0",
        down=("> outside('drop table orders')", "insert into before select 1 / (select count(*) - 1 from before)"),
    )
    with pytest.raises(MigrationFailed, match="division by zero"):
        run.upgrade(empty_url, shop.migrations)
    do(empty_url, "insert into before values (1)")
    with pytest.raises(MigrationFailed, match=r"Its first 1 statement\(s\) were committed and stay"):
        run.downgrade(empty_url, shop.migrations)
    with pytest.raises(MigrationFailed, match="Let 'fairlead db rollback' go on with it first"):
        run.upgrade(empty_url, shop.migrations)
    do(empty_url, "insert into before values (2)")
    assert run.downgrade(empty_url, shop.migrations, to="-2") == ["one", "zero"]
