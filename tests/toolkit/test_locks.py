from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fixtures.revisions import do

from fairlead.db.migrating.offline import Statement
from fairlead.errors import MigrationFailed
from fairlead.toolkit.locks import Effect, effects

TABLES = (
    "create table orders (id bigint primary key, note text)",
    "create table customers (id bigint primary key)",
    "create index orders_idx on orders (note)",
    "create table parts (id int) partition by list (id)",
    "create table part partition of parts for values in (1)",
)


@pytest.fixture
def measured(empty_url: str) -> Callable[..., list[Effect]]:
    """Measure statements on a database with some tables."""
    do(empty_url, *TABLES)

    def ran(*statements: str) -> list[Effect]:
        return effects(empty_url, [Statement(text, alone=False, line=1) for text in statements])

    return ran


@pytest.mark.parametrize(
    ("statement", "locks", "rewrites", "reads"),
    [
        ("alter table orders add column a bigint", {"orders": "ACCESS EXCLUSIVE"}, (), ()),
        ("alter table orders add a float default random()", {"orders": "ACCESS EXCLUSIVE"}, ("orders",), ("orders",)),
        ("alter table orders alter id type int", {"orders": "ACCESS EXCLUSIVE"}, ("orders",), ("orders",)),
        ("alter table orders alter note set not null", {"orders": "ACCESS EXCLUSIVE"}, (), ("orders",)),
        ("alter table orders add constraint c check (id > 0) not valid", {"orders": "ACCESS EXCLUSIVE"}, (), ()),
        ("alter table orders add constraint c check (id > 0)", {"orders": "ACCESS EXCLUSIVE"}, (), ("orders",)),
        ("alter table orders set (fillfactor = 90)", {"orders": "SHARE UPDATE EXCLUSIVE"}, (), ()),
        ("create index a on orders (id)", {"orders": "SHARE"}, (), ("orders",)),
        ("insert into orders values (1)", {"orders": "ROW EXCLUSIVE"}, (), ()),
        ("drop table customers", {"customers": "ACCESS EXCLUSIVE"}, (), ()),
        ("create table invoices (id bigint)", {}, (), ()),
        ("create index concurrently a on orders (id)", {"orders": "SHARE UPDATE EXCLUSIVE"}, (), ()),
        ("drop index concurrently orders_idx", {"orders": "SHARE UPDATE EXCLUSIVE"}, (), ()),
        ("reindex index concurrently orders_idx", {"orders_idx": "SHARE UPDATE EXCLUSIVE"}, (), ()),
        ("vacuum (full) orders", {"orders": "ACCESS EXCLUSIVE"}, (), ()),
        ("vacuum orders", {"orders": "SHARE UPDATE EXCLUSIVE"}, (), ()),
        ("alter table parts detach partition part concurrently", {"parts": "SHARE UPDATE EXCLUSIVE"}, (), ()),
    ],
)  # fmt: skip
def test_what_a_statement_does(
    measured: Callable[..., list[Effect]],
    statement: str,
    locks: dict[str, str],
    rewrites: tuple[str, ...],
    reads: tuple[str, ...],
) -> None:
    """The strongest lock on each table, the tables written anew and those read whole are what the server did."""
    [effect] = measured(statement)
    assert {lock.table: lock.mode for lock in effect.locks} == locks
    assert (effect.rewrites, effect.reads_whole) == (rewrites, reads)
    assert all(lock.meaning for lock in effect.locks)


def test_both_ends_of_a_foreign_key(measured: Callable[..., list[Effect]]) -> None:
    """A foreign key locks the table it refers to as well."""
    [effect] = measured("alter table orders add foreign key (id) references customers (id) not valid")
    assert {lock.table: lock.mode for lock in effect.locks} == {
        "customers": "SHARE ROW EXCLUSIVE",
        "orders": "SHARE ROW EXCLUSIVE",
    }


def test_each_statement_by_itself(measured: Callable[..., list[Effect]]) -> None:
    """A statement is told with its own locks, not with those of the one before; a new table's locks stop nobody."""
    effects = measured(
        "set local role none",
        "alter table orders add column a bigint",
        "create table invoices (id bigint)",
        "alter table invoices add column note text",
        "create index a on orders (id)",
    )
    assert [[lock.mode for lock in effect.locks] for effect in effects] == [[], ["ACCESS EXCLUSIVE"], [], [], ["SHARE"]]


def test_a_block(measured: Callable[..., list[Effect]]) -> None:
    """A block is measured as any statement; of one that commits by itself it is said that nothing can be told."""
    block = "do $$ begin alter table orders add column a bigint; {} end $$"
    whole, committing = measured(block.format(""), block.format("commit;").replace("column a", "column b"))
    assert ([lock.mode for lock in whole.locks], whole.known_by) == (["ACCESS EXCLUSIVE"], "measured")
    assert (committing.locks, committing.known_by) == ((), "nothing")


def test_a_statement_that_fails(measured: Callable[..., list[Effect]]) -> None:
    """A statement that the server refuses is named."""
    with pytest.raises(MigrationFailed, match="It cannot be reviewed") as raised:
        measured("alter table gone add column a bigint")
    assert raised.value.details == {"statement": "alter table gone add column a bigint"}
