from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from tests.fixtures.revisions import Shop, Told, do, rows, shop

from fairlead.db.migrating import ledger, run
from fairlead.db.migrating.journal import mark_of
from fairlead.db.migrating.ledger import Begun, Driver
from fairlead.errors import MigrationFailed

__all__ = ["shop"]
TABLE = "create table orders (id int generated always as identity, note text)"
INDEX = "create index concurrently orders_note_idx on orders (note)"
SHOWN = "select indexrelid::regclass::text, indisvalid from pg_index where indrelid = 'orders'::regclass"


def _broken_off(url: str, shop: Shop, *up: str) -> None:
    """Apply `one` and the first part of `two`, whose last statement fails for now."""
    shop.revision("one", TABLE)
    path = shop.revision("two", *up, "insert into later values (1)")
    with pytest.raises(MigrationFailed, match="later"):
        run.upgrade(url, shop.migrations)
    assert path.exists()
    do(url, "create table later (id int)")


def _told_to_run(url: str, shop: Shop) -> Told:
    told = Told()
    assert run.upgrade(url, shop.migrations, tell=told.append) == ["two"]
    return told


def _as_if_killed(url: str, shop: Shop, *before: str, sent: str) -> None:
    """Note a statement as one that was sent, and nothing about its end, behind what is committed before it."""
    digest = ""
    for statement in before:
        digest = mark_of(f"{digest} {mark_of(statement)}")
    with psycopg.connect(url, autocommit=True) as connection:
        driver: Driver = connection
        known = ledger.read(driver, shop.migrations)
        begun = Begun("two", back=False, statements=len(before), digest=digest, running=mark_of(sent))
        ledger.write(driver, shop.migrations, replace(known, begun=begun))


def test_what_is_committed_is_not_sent_again(empty_url: str, shop: Shop) -> None:
    """A revision that failed behind a commit in its middle goes on behind it, each statement done exactly once."""
    committed = (TABLE.replace("orders", "invoices"), "insert into orders (note) values ('in front')")
    _broken_off(empty_url, shop, *committed, f"> outside({INDEX!r})")
    assert run.look(empty_url, shop.migrations).pending == ("two",)
    assert _told_to_run(empty_url, shop).kinds() == ["Applying", "Resuming"]
    assert rows(empty_url, "select note from orders") == [("in front",)]
    assert rows(empty_url, "select id from later") == [(1,)]
    assert rows(empty_url, SHOWN) == [("orders_note_idx", True)]


def test_the_error_says_what_stays(empty_url: str, shop: Shop) -> None:
    """The error of a revision that had committed something says how much of it stays, and that it is gone on with."""
    shop.revision("one", TABLE, f"> outside({INDEX!r})", "select 1 / 0")
    with pytest.raises(MigrationFailed, match=r"Its first 2 statement\(s\) were committed and stay"):
        run.upgrade(empty_url, shop.migrations)


def test_settings_are_sent_again(empty_url: str, shop: Shop) -> None:
    """What a revision sets for its session, and what it reads, is sent again when it is gone on with."""
    _broken_off(
        empty_url,
        shop,
        "set local application_name = 'of two'",
        "create table invoices (id int)",
        f"> outside({INDEX!r})",
        "set local application_name = 'of two again'",
    )
    told = _told_to_run(empty_url, shop)
    assert [str(event).strip() for event in told if type(event).__name__ == "Running"] == [
        "set local application_name = 'of two'",
        "set local application_name = 'of two again'",
        "insert into later values (1)",
    ]


def test_statements_outside_of_the_transaction_are_done_once(empty_url: str, shop: Shop) -> None:
    """An UPDATE in an autocommit block is committed together with the note of it."""
    _broken_off(
        empty_url,
        shop,
        "insert into orders (note) values ('0')",
        '> outside("update orders set note = (note::int + 1)::text")',
    )
    _told_to_run(empty_url, shop)
    assert rows(empty_url, "select note from orders") == [("1",)]


def test_a_long_loop_is_gone_on_with(empty_url: str, shop: Shop) -> None:
    """A backfill that commits batch by batch goes on behind the last batch, and what is noted of it stays small."""
    batches = "> with op.get_context().autocommit_block():\n    for n in range(300):\n        op.execute(f'insert into orders (note) values ({n})')\n        n == 250 and op.execute('select note from later')"  # noqa: E501 - one line of Python
    shop.revision("one", TABLE)
    shop.revision("two", batches)
    with pytest.raises(MigrationFailed, match=r"Its first 251 statement\(s\) were committed"):
        run.upgrade(empty_url, shop.migrations)
    [(size,)] = rows(empty_url, "select length(obj_description('shop_migrations'::regclass))")
    assert isinstance(size, int)
    assert size < 500
    do(empty_url, "create table later (note text)")
    _told_to_run(empty_url, shop)
    assert rows(empty_url, "select count(*), count(distinct note) from orders") == [(300, 300)]


def test_an_invalid_index_is_built_anew(empty_url: str, shop: Shop) -> None:
    """What an interrupted CREATE INDEX CONCURRENTLY left is dropped, also where the statement says IF NOT EXISTS."""
    shop.revision("one", TABLE, "insert into orders (note) values ('same'), ('same')")
    index = "create unique index concurrently if not exists orders_note_idx on orders (note)"
    shop.revision("two", f"> outside({index!r})")
    with pytest.raises(MigrationFailed, match="could not create unique index"):
        run.upgrade(empty_url, shop.migrations)
    assert rows(empty_url, SHOWN) == [("orders_note_idx", False)]
    do(empty_url, "delete from orders where id = 2")
    assert _told_to_run(empty_url, shop).kinds() == ["Applying", "Resuming", "LeftOver"]
    assert rows(empty_url, SHOWN) == [("orders_note_idx", True)]


def test_an_index_that_was_built_before_anybody_noted_it(empty_url: str, shop: Shop) -> None:
    """An index whose building was begun by a killed run, and ended well, is not built again."""
    _broken_off(empty_url, shop, f"> outside({INDEX!r})")
    _as_if_killed(empty_url, shop, sent=INDEX)
    built = rows(empty_url, "select 'orders_note_idx'::regclass::oid")
    _told_to_run(empty_url, shop)
    assert rows(empty_url, "select 'orders_note_idx'::regclass::oid") == built


def test_an_index_that_was_dropped_before_anybody_noted_it(empty_url: str, shop: Shop) -> None:
    """An index whose dropping was begun by a killed run, and ended well, is not dropped again."""
    made, dropped = "create index orders_note_idx on orders (note)", "drop index concurrently orders_note_idx"
    _broken_off(empty_url, shop, made, f"> outside({dropped!r})")
    _as_if_killed(empty_url, shop, made, sent=dropped)
    _told_to_run(empty_url, shop)
    assert rows(empty_url, SHOWN) == []


def test_an_index_of_somebody_else_is_not_touched(empty_url: str, shop: Shop) -> None:
    """A valid index that happens to have the name is no left-over: the revision fails and it stays."""
    shop.revision("one", TABLE, "create index orders_note_idx on orders (id)")
    shop.revision("two", f"> outside({INDEX!r})")
    with pytest.raises(MigrationFailed, match="already exists"):
        run.upgrade(empty_url, shop.migrations)
    assert rows(empty_url, SHOWN) == [("orders_note_idx", True)]


def test_another_file_is_not_gone_on_with(empty_url: str, shop: Shop) -> None:
    """When the committed part of the file is another one now, nothing is guessed; behind it the file may be mended."""
    _broken_off(empty_url, shop, "insert into orders (note) values ('a')", f"> outside({INDEX!r})")
    path = shop.migrations.folder / "versions" / "two.py"
    text = path.read_text()
    path.write_text(text.replace("('a')", "('b')"))
    with pytest.raises(MigrationFailed, match=r"2 of its statements are committed, but its file begins with others"):
        run.upgrade(empty_url, shop.migrations)
    path.write_text(text.replace("into later values (1)", "into later values (2)"))
    _told_to_run(empty_url, shop)
    assert rows(empty_url, "select id from later") == [(2,)]


def test_a_revision_broken_off_comes_first(empty_url: str, shop: Shop) -> None:
    """A run that does not go on with the revision of which a part is committed says that it is there."""
    _broken_off(empty_url, shop, f"> outside({INDEX!r})")
    with pytest.raises(MigrationFailed, match="go on with it first, or 'fairlead db rollback' take it back"):
        run.upgrade(empty_url, shop.migrations, to="one")


def test_a_way_back_is_gone_on_with_too(empty_url: str, shop: Shop) -> None:
    """Taking back is noted and gone on with in the same way."""
    down = ('> outside("drop index concurrently orders_note_idx")', "drop table later")
    shop.revision("one", TABLE, "create index orders_note_idx on orders (note)", down=down)
    run.upgrade(empty_url, shop.migrations)
    with pytest.raises(MigrationFailed, match="later"):
        run.downgrade(empty_url, shop.migrations)
    do(empty_url, "create table later (id int)")
    told = Told()
    assert run.downgrade(empty_url, shop.migrations, tell=told.append) == ["one"]
    assert told.kinds() == ["Applying", "Resuming"]
