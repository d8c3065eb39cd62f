from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from alembic.operations import ops
from sqlalchemy import BigInteger, Column, Date, ForeignKey, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ENUM

from fairlead.toolkit.catalogue import Key, Kind, Thing
from fairlead.toolkit.change import Change
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.plugin.statements import steps
from fairlead.toolkit.rewrite import rewrite
from fairlead.toolkit.safe_ddl import Facts

METADATA = MetaData()
FACTS = Facts(METADATA)
STATE = Thing(Key(Kind.ENUM, "public", "", "state"), {"values": ["new", "old"]})
MADE = CatalogueOp(Change(STATE.key, None, STATE), steps(None, STATE), steps(STATE, None))
ORDERS = frozenset({(None, "orders")})


def _column(name: str = "code", **options: Any) -> ops.AddColumnOp:
    return ops.AddColumnOp("orders", Column(name, Text, **options))


INDEX = ops.CreateIndexOp("orders_code_idx", "orders", ["code"])
KEY = ops.CreateForeignKeyOp("orders_code_fkey", "orders", "codes", ["code"], ["id"])
CHECK = ops.CreateCheckConstraintOp("orders_code_check", "orders", "code <> ''")
UNIQUE = ops.CreateUniqueConstraintOp("orders_code_key", "orders", ["code"])


def test_a_column_is_added_in_a_moment() -> None:
    """A column without anything built on it is one statement of the transaction."""
    done = rewrite([_column()], FACTS)
    assert (done.alone, done.together, done.later) == ((), ("ALTER TABLE orders ADD COLUMN code TEXT",), ())


def test_an_index_is_built_beside_the_application() -> None:
    """An index is built concurrently, after what a broken-off build left is dropped, and dropped concurrently."""
    assert rewrite([INDEX], FACTS).alone == (
        "DROP INDEX CONCURRENTLY IF EXISTS orders_code_idx",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_code_idx ON orders (code)",
    )
    assert rewrite([INDEX.reverse()], FACTS).alone == ("DROP INDEX CONCURRENTLY IF EXISTS orders_code_idx",)


@pytest.mark.parametrize("operation", [KEY, CHECK], ids=["foreign key", "check"])
def test_a_constraint_is_added_for_new_rows_and_then_validated(operation: Any) -> None:
    """A foreign key or a check is added NOT VALID, which reads no row, and validated in another transaction."""
    added, validated = rewrite([operation], FACTS).alone
    name = operation.constraint_name
    assert added.startswith(f"ALTER TABLE orders DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} ")
    assert added.endswith(" NOT VALID")
    assert validated == f"ALTER TABLE orders VALIDATE CONSTRAINT {name}"


def test_a_unique_constraint_takes_over_an_index() -> None:
    """A unique constraint is built as an index, concurrently, which then becomes its own."""
    done = rewrite([UNIQUE], FACTS)
    assert done.alone[-1] == "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS orders_code_key ON orders (code)"
    assert done.together == ("ALTER TABLE orders ADD CONSTRAINT orders_code_key UNIQUE USING INDEX orders_code_key",)


def test_not_null_is_proved_before_it_is_set() -> None:
    """NOT NULL is set after a validated check has shown it, so that no row is read under an exclusive lock."""
    done = rewrite([ops.AlterColumnOp("orders", "code", modify_nullable=False, existing_type=Text())], FACTS)
    assert done.alone[-1] == "ALTER TABLE orders VALIDATE CONSTRAINT orders_code_not_empty"
    assert done.together == (
        "ALTER TABLE orders ALTER COLUMN code SET NOT NULL",
        "ALTER TABLE orders DROP CONSTRAINT orders_code_not_empty",
    )


def test_rows_without_a_value_are_filled_first() -> None:
    """A column without a default is added empty, filled in batches, and only then insisted on.

    What was missed is filled when the check lets no more of it come.
    """
    done = rewrite([_column(nullable=False)], replace(FACTS, fills={"orders.code": "'none'"}))
    added, filled, insisted, swept, validated = done.alone
    assert swept == "UPDATE orders SET code = 'none' WHERE code IS NULL"
    assert added == "ALTER TABLE orders ADD COLUMN IF NOT EXISTS code TEXT"
    assert filled.startswith("DO ")
    assert "set code = 'none'" in filled
    assert "NOT VALID" in insisted
    assert "VALIDATE" in validated
    assert done.together[0] == "ALTER TABLE orders ALTER COLUMN code SET NOT NULL"


def test_a_default_comes_before_not_null() -> None:
    """A default that comes with NOT NULL is set first: no writer is refused who leaves the column out."""
    change = ops.AlterColumnOp(
        "orders",
        "code",
        modify_nullable=False,
        modify_server_default="none",
        existing_type=Text(),
        modify_comment="new",
    )
    done = rewrite([change], FACTS)
    assert done.alone[0] == "ALTER TABLE orders ALTER COLUMN code SET DEFAULT 'none'"
    assert [statement.split()[0] for statement in done.alone] == ["ALTER", "DO", "ALTER", "UPDATE", "ALTER"]
    assert done.together[0] == "COMMENT ON COLUMN orders.code IS 'new'"


def test_that_there_are_no_empty_rows_can_be_said() -> None:
    """Where nothing has to be filled (NULL) no row is written."""
    change = ops.AlterColumnOp("orders", "code", modify_nullable=False, existing_type=Text())
    done = rewrite([change], replace(FACTS, fills={"orders.code": "NULL"}))
    assert not any(statement.startswith("DO ") for statement in done.alone)


def test_a_column_comes_before_what_is_built_on_it() -> None:
    """A column that an index of the same revision needs is there when the index is built, however often it is run."""
    done = rewrite([INDEX, _column()], FACTS)
    assert done.alone[0] == "ALTER TABLE orders ADD COLUMN IF NOT EXISTS code TEXT"
    assert done.together == ()


def test_a_new_table_gets_plain_ddl() -> None:
    """Nobody uses a table that is made in the same revision, so nothing about it is done the slow way."""
    made = ops.CreateTableOp("orders", [Column("id", BigInteger, primary_key=True), Column("code", Text)])
    done = rewrite([made, INDEX, CHECK, KEY, UNIQUE], replace(FACTS, fresh=ORDERS))
    assert (done.alone, done.later) == ((), ())
    assert len(done.together) == 5


@pytest.mark.parametrize("facts", [{"renamed": ORDERS}, {"retyped": ORDERS}], ids=["renamed", "of another type"])
def test_what_has_to_wait_is_left_for_the_next_revision(facts: dict[str, Any]) -> None:
    """What is slow and stands on something that the transaction changes first is left over."""
    done = rewrite([INDEX], replace(FACTS, **facts))
    assert (done.alone, done.together, done.later) == ((), (), (INDEX,))


def test_a_key_to_a_new_table_waits_for_it() -> None:
    """A foreign key from a table in use to one that is made in the same revision is left over."""
    assert rewrite([KEY], replace(FACTS, fresh=frozenset({(None, "codes")}))).later == (KEY,)


def test_a_downgrade_leaves_nothing_over() -> None:
    """A downgrade has no revision after it, so it does what would have to wait as well as it can."""
    done = rewrite([INDEX], replace(FACTS, retyped=ORDERS, forward=False))
    assert (done.together, done.later) == (("CREATE INDEX orders_code_idx ON orders (code)",), ())


def test_a_partitioned_table_has_no_concurrent_indexes() -> None:
    """PostgreSQL builds no index on a partitioned table concurrently, so it is built plainly."""
    assert rewrite([INDEX], replace(FACTS, partitioned=ORDERS)).together == (
        "CREATE INDEX orders_code_idx ON orders (code)",
    )


def test_a_type_changes_with_its_default_out_of_the_way() -> None:
    """The default was written for the old type: it is dropped, and written again for the new one."""
    metadata = MetaData()
    Table("orders", metadata, Column("total", Integer, server_default="0"))
    change = ops.AlterColumnOp(
        "orders", "total", modify_type=Integer(), existing_type=Text(), existing_server_default="'0'::text"
    )
    done = rewrite([change], Facts(metadata, casts={"orders.total": "total::integer"}))
    assert done.together == (
        "ALTER TABLE orders ALTER COLUMN total DROP DEFAULT",
        "ALTER TABLE orders ALTER COLUMN total TYPE INTEGER USING total::integer",
        "ALTER TABLE orders ALTER COLUMN total SET DEFAULT '0'",
    )


def test_a_column_that_comes_back_has_something_in_it() -> None:
    """A downgrade that brings a NOT NULL column back works on a table with rows: they get a stand-in."""
    back = rewrite([_column(nullable=False)], replace(FACTS, forward=False))
    assert back.together == (
        "ALTER TABLE orders ADD COLUMN code TEXT DEFAULT '' NOT NULL",
        "ALTER TABLE orders ALTER COLUMN code DROP DEFAULT",
    )
    day = ops.AddColumnOp("orders", Column("day", Date, nullable=False))
    assert "DEFAULT 'epoch' NOT NULL" in rewrite([day], replace(FACTS, forward=False)).together[0]


def test_tables_go_and_come_in_an_order_that_works() -> None:
    """Of tables that are dropped the one with the foreign key goes first; made again, it comes last."""
    codes = ops.CreateTableOp("codes", [Column("id", BigInteger, primary_key=True)])
    orders = ops.CreateTableOp("orders", [Column("code_id", BigInteger, ForeignKey("codes.id"))])
    both = frozenset({(None, "orders"), (None, "codes")})
    made = rewrite([orders, codes], replace(FACTS, fresh=both)).together
    assert [statement.split()[2] for statement in made] == ["codes", "orders"]
    gone = rewrite([codes.reverse(), orders.reverse()], replace(FACTS, gone=both)).together
    assert gone == ("DROP TABLE orders", "DROP TABLE codes")


def test_an_index_is_replaced_when_the_new_one_is_there() -> None:
    """An index that changes is built under another name; the old one goes, and gives its name, when that is done."""
    done = rewrite([ops.DropIndexOp("orders_code_idx", "orders"), INDEX], FACTS)
    assert done.alone == (
        "DROP INDEX CONCURRENTLY IF EXISTS orders_code_idx_new",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_code_idx_new ON orders (code)",
    )
    assert done.together == (
        "DROP INDEX IF EXISTS orders_code_idx",
        "ALTER INDEX orders_code_idx_new RENAME TO orders_code_idx",
    )


def test_a_unique_constraint_is_replaced_in_one_transaction() -> None:
    """A unique constraint that changes holds until the new one does."""
    done = rewrite([ops.DropConstraintOp("orders_code_key", "orders", type_="unique"), UNIQUE], FACTS)
    assert done.alone[-1] == "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS orders_code_key_new ON orders (code)"
    assert done.together == (
        "ALTER TABLE orders DROP CONSTRAINT orders_code_key",
        "ALTER TABLE orders ADD CONSTRAINT orders_code_key UNIQUE USING INDEX orders_code_key_new",
    )
    assert done.later == ()


def test_what_stands_on_a_new_type_waits_for_it() -> None:
    """A column of a type that is made in the same revision comes with it, and what is built on it in the next."""
    column = ops.AddColumnOp("orders", Column("state", ENUM("new", "old", name="state", create_type=False)))
    index = ops.CreateIndexOp("orders_state_idx", "orders", ["state"])
    done = rewrite([MADE, column, index], FACTS)
    assert (done.alone, done.later) == ((), (index,))
    assert done.together == ("create type state as enum ('new', 'old')", "ALTER TABLE orders ADD COLUMN state state")


@pytest.mark.parametrize("made", [KEY, CHECK], ids=["foreign key", "check"])
def test_a_constraint_that_waits_stays_as_it_was_until_then(made: Any) -> None:
    """Where another constraint of the same name has to wait, the old one goes with it, on both ways."""
    gone = ops.DropConstraintOp(made.constraint_name, "orders", _reverse=made)
    done = rewrite([gone, made], replace(FACTS, renamed=ORDERS))
    assert (done.alone, done.together, done.later) == ((), (), (gone, made))
    added, _ = rewrite(done.later, FACTS).alone
    assert added.startswith(f"ALTER TABLE orders DROP CONSTRAINT IF EXISTS {made.constraint_name}, ADD ")


def test_an_enum_that_is_made_anew_is_one_transaction() -> None:
    """What speaks of it is taken off, and put on again, in the transaction that makes it, a check as well."""
    more = Thing(STATE.key, {"values": ["new", "paid"]})
    check = "alter table orders add constraint orders_check check ((state <> 'new'::state))"
    leaf = CatalogueOp(Change(STATE.key, STATE, more), ("drop type state", "create type state as enum ()", check), ())
    assert rewrite([leaf], FACTS).together == leaf.statements
    assert rewrite([leaf], FACTS).alone == ()


def test_a_type_without_a_cast_back_goes_back_by_text() -> None:
    """Where PostgreSQL converts only one way, and that as a person said, the way back is by what is written."""
    key = Key(Kind.COLUMN, "public", "orders", "during")
    was, now = (Thing(key, {"type": kind, "nullable": True}) for kind in ("daterange", "tsrange"))
    leaf = CatalogueOp(Change(key, was, now), steps(was, now), steps(now, was))
    facts = replace(FACTS, casts={"orders.during": "tsrange(during)"}, by_text=frozenset({"orders.during"}))
    change = "alter table orders alter column during type"
    assert rewrite([leaf], facts).together == (f"{change} tsrange using tsrange(during)",)
    back = rewrite([leaf.reverse()], replace(facts, casts={}, forward=False))
    assert back.together == (f"{change} daterange using during::text::daterange",)
