from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from alembic import command
from sqlalchemy import make_url
from tests.fixtures.databases import database_of
from tests.fixtures.revisions import Shop, Told, do, rows, shop

from fairlead.db.migrating import ledger, run
from fairlead.db.migrating.events import Blocked, Event, Retrying, Waiting
from fairlead.db.migrating.revisions import Migrations
from fairlead.db.migrating.session import Patience, connected
from fairlead.errors import (
    Busy,
    DatabaseUnavailable,
    MigrationChanged,
    MigrationFailed,
    MigrationsInvalid,
    MigrationsUnknown,
)

__all__ = ["shop"]
QUICK = Patience(lock_timeout_seconds=0.05, attempts=3)
TABLE = "create table orders (id int primary key, note text)"


def _tables(url: str) -> set[object]:
    return {name for (name,) in rows(url, "select tablename from pg_tables where schemaname = 'public'")}


def test_a_revision_is_a_transaction(empty_url: str, shop: Shop) -> None:
    """A revision that fails leaves nothing of itself and all before it; the error names it, the statement and why."""
    shop.revision("one", TABLE)
    broken = shop.revision("two", "create table invoices (id int)", "create table orders (id int)")
    with pytest.raises(MigrationFailed) as raised:
        run.upgrade(empty_url, shop.migrations)
    assert 'two failed: relation "orders" already exists.' in raised.value.message
    assert "At: create table orders (id int) Nothing of it was kept." in raised.value.message
    assert _tables(empty_url) == {"orders", "shop_migrations"}

    broken.write_text(broken.read_text().replace("table orders", "table others"))
    assert run.upgrade(empty_url, shop.migrations) == ["two"]


def test_an_error_in_python_names_its_line(empty_url: str, shop: Shop) -> None:
    """What a revision's own code raises is told with the file and the line."""
    path = shop.revision("one", "> raise ValueError('no such customer')")
    with pytest.raises(MigrationFailed, match=rf"ValueError: no such customer \({path}, line 14\)"):
        run.upgrade(empty_url, shop.migrations)


def test_files_that_cannot_be_read(empty_url: str, shop: Shop) -> None:
    """A file with a mistake, a missing one in the middle, or two heads are told before anything is done."""
    shop.revision("one", TABLE)
    shop.revision("two", "select 1", after="one")
    path = shop.revision("three", "select 1", after="one")
    with pytest.raises(MigrationsInvalid, match="more than one head: three, two"):
        run.upgrade(empty_url, shop.migrations)
    path.write_text(path.read_text().replace("'one'", "'gone'"))
    with pytest.raises(MigrationsInvalid, match=r"Revision gone referenced from .* is not present\. Put its file back"):
        run.upgrade(empty_url, shop.migrations)
    path.write_text("def upgrade(:")
    with pytest.raises(MigrationsInvalid, match="SyntaxError"):
        run.upgrade(empty_url, shop.migrations)
    assert _tables(empty_url) == set()


def test_as_far_as_a_revision(empty_url: str, shop: Shop) -> None:
    """Up to a revision and back to one, by its name or by counting; one that is not there is told."""
    for number, name in enumerate(("one", "two", "three")):
        shop.revision(name, f"create table t{number} (id int)", down=(f"drop table t{number}",))
    upgrade, downgrade = partial(run.upgrade, empty_url, shop.migrations), partial(run.downgrade, empty_url)
    assert upgrade(to="two") == ["one", "two"]
    assert upgrade(to="+1") == ["three"]
    assert downgrade(shop.migrations) == ["three"]
    assert downgrade(shop.migrations, to="base") == ["two", "one"]
    assert _tables(empty_url) == {"shop_migrations"}
    with pytest.raises(MigrationsInvalid, match="nonsense"):
        upgrade(to="nonsense")


def test_a_changed_file_is_refused(empty_url: str, shop: Shop) -> None:
    """A file that changed since it was applied is refused, and so is what follows; how its lines end does not count."""
    path = shop.revision("one", TABLE)
    run.upgrade(empty_url, shop.migrations)
    shop.revision("two", "create table invoices (id int)")
    text = path.read_text()
    path.write_text(text.replace("note text", "note varchar(9)"))
    with pytest.raises(MigrationChanged, match="one changed since it was applied"):
        run.upgrade(empty_url, shop.migrations)
    assert run.look(empty_url, shop.migrations).changed == ("one",)
    assert _tables(empty_url) == {"orders", "shop_migrations"}
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert run.upgrade(empty_url, shop.migrations) == ["two"]


def test_the_sql_a_revision_reads_counts_too(empty_url: str, shop: Shop) -> None:
    """A revision whose statements lie in `sql/` under its name has changed when those have."""
    script = shop.migrations.folder / "sql" / "one.up.sql"
    script.parent.mkdir()
    script.write_text(TABLE)
    shop.revision("one", f"> op.execute(__import__('pathlib').Path({str(script)!r}).read_text())")
    run.upgrade(empty_url, shop.migrations)
    script.write_text(f"{TABLE};")
    with pytest.raises(MigrationChanged, match="one changed"):
        run.upgrade(empty_url, shop.migrations)


def test_a_revision_taken_back_may_change(empty_url: str, shop: Shop) -> None:
    """Taking a changed revision back works, and its new file is applied as any other."""
    path = shop.revision("one", TABLE, down=("drop table orders",))
    run.upgrade(empty_url, shop.migrations)
    path.write_text(path.read_text().replace("note text", "note varchar(9)"))
    assert run.downgrade(empty_url, shop.migrations) == ["one"]
    assert run.upgrade(empty_url, shop.migrations) == ["one"]
    assert run.upgrade(empty_url, shop.migrations) == []


def test_what_older_tools_applied_is_adopted(empty_url: str, shop: Shop) -> None:
    """Revisions applied without a note of their files are adopted with a word, and from then on watched."""
    path = shop.revision("one", TABLE)
    run.upgrade(empty_url, shop.migrations)
    do(empty_url, "comment on table shop_migrations is 'our own remark'")
    shop.revision("two", "create table invoices (id int)")
    told = Told()
    assert run.upgrade(empty_url, shop.migrations, tell=told.append) == ["two"]
    assert told.kinds() == ["Adopted", "Applying"]
    [(comment,)] = rows(empty_url, "select obj_description('shop_migrations'::regclass)")
    assert str(comment).startswith("our own remark")
    path.write_text(path.read_text() + "\n")
    with pytest.raises(MigrationChanged):
        run.upgrade(empty_url, shop.migrations)


def test_alembic_by_hand(empty_url: str, shop: Shop) -> None:
    """Plain Alembic goes up and down on the same files and database; what it did is taken over without a complaint."""
    shop.revision("one", TABLE, down=("drop table orders",))
    shop.revision("two", "create table invoices (id int)", down=("drop table invoices",))
    (shop.migrations.folder / "env.py").write_text(
        "from alembic import context\n"
        "context.configure(url=context.config.get_main_option('sqlalchemy.url'), "
        "connection=context.config.attributes['connection'], version_table='shop_migrations')\n"
        "with context.begin_transaction():\n    context.run_migrations()\n"
    )
    run.upgrade(empty_url, shop.migrations)
    for by_hand in (partial(command.downgrade, revision="base"), partial(command.upgrade, revision="head")):
        config = shop.migrations.config
        with connected(empty_url) as connection, connection.begin():
            config.attributes["connection"] = connection
            by_hand(config)
    assert run.look(empty_url, shop.migrations).pending == ()
    assert run.downgrade(empty_url, shop.migrations, to="one") == ["two"]
    with psycopg.connect(empty_url, autocommit=True) as driver:
        assert set(ledger.read(driver, shop.migrations).applied) == {"one"}


def test_a_database_ahead_of_the_files(empty_url: str, shop: Shop) -> None:
    """A revision in the database of which there is no file is named, and nothing is applied on top of it."""
    shop.revision("one", TABLE)
    path = shop.revision("two", "select 1")
    run.upgrade(empty_url, shop.migrations)
    path.unlink()
    with pytest.raises(MigrationsUnknown, match="The database is at two, of which there is no file"):
        run.upgrade(empty_url, shop.migrations)
    state = run.look(empty_url, shop.migrations)
    assert (state.applied, state.unknown, state.pending) == (("one",), ("two",), ())


def test_a_lock_that_is_not_to_be_had(empty_url: str, shop: Shop) -> None:
    """A revision without its lock gives way and tries again, and in the end says so and has changed nothing."""
    shop.revision("one", TABLE)
    run.upgrade(empty_url, shop.migrations)
    shop.revision("two", "create table invoices (id int)", "alter table orders add column paid boolean")
    told = Told()
    with psycopg.connect(empty_url) as holder:
        holder.execute("select * from orders")
        with pytest.raises(Busy, match="two did not get the locks it needs in time, at: alter table orders"):
            run.upgrade(empty_url, shop.migrations, patience=QUICK, tell=told.append)
    assert told.kinds() == ["Applying", "Retrying", "Retrying"]
    assert _tables(empty_url) == {"orders", "shop_migrations"}


def test_a_lock_that_becomes_free(empty_url: str, shop: Shop) -> None:
    """As soon as the lock is free a further try applies the revision."""
    shop.revision("one", TABLE)
    run.upgrade(empty_url, shop.migrations)
    shop.revision("two", "alter table orders add column paid boolean")
    with psycopg.connect(empty_url) as holder:
        holder.execute("select * from orders")

        def let_go(event: Event) -> None:
            if isinstance(event, Retrying):
                holder.rollback()

        assert run.upgrade(empty_url, shop.migrations, patience=QUICK, tell=let_go) == ["two"]


def test_who_is_in_the_way(empty_url: str, shop: Shop) -> None:
    """While a statement waits for a lock, whoever holds it is told: number, application and last statement."""
    shop.revision("one", TABLE)
    run.upgrade(empty_url, shop.migrations)
    shop.revision("two", "alter table orders add column paid boolean")
    told = Told()
    with psycopg.connect(empty_url, application_name="a forgotten console") as holder:
        holder.execute("select note from orders")

        def let_go(event: Event) -> None:
            told.append(event)
            if isinstance(event, Blocked):
                holder.rollback()

        assert run.upgrade(empty_url, shop.migrations, patience=Patience(20), tell=let_go) == ["two"]
        [blocked] = [event for event in told if isinstance(event, Blocked)]
        assert blocked.statement == "alter table orders add column paid boolean"
        [blocker] = blocked.blockers
        assert (blocker.pid, blocker.application) == (holder.info.backend_pid, "a forgotten console")
        assert "idle in transaction" in str(blocked)
        assert "select note from orders" in str(blocked)


def test_who_is_in_the_way_under_another_login(empty_url: str, server_url: str, shop: Shop) -> None:
    """A login that may not see what others' sessions do waits as any other, and says who they are, as far as it may."""
    superuser = make_url(server_url).set(database=database_of(empty_url)).render_as_string(hide_password=False)
    shop.revision("one", TABLE)
    run.upgrade(empty_url, shop.migrations)
    shop.revision("two", "alter table orders add column paid boolean")
    told = Told()
    with psycopg.connect(superuser, application_name="another's", autocommit=True) as holder:
        pid = holder.info.backend_pid
        holder.execute("select pg_advisory_lock(%s)", [shop.migrations.lock_key])
        holder.execute("begin; select note from orders")

        def let_go(event: Event) -> None:
            told.append(event)
            if isinstance(event, Waiting):
                holder.execute("select pg_advisory_unlock_all()")
            elif isinstance(event, Blocked):
                holder.rollback()

        assert run.upgrade(empty_url, shop.migrations, patience=Patience(20), tell=let_go) == ["two"]
    assert told.kinds() == ["Waiting", "Applying", "Blocked"]
    for event in (told[0], told[-1]):
        said = str(event)
        assert f"pid {pid} (another's, login {make_url(server_url).username}); what it does" in said


def test_another_run_that_does_not_end(empty_url: str, shop: Shop) -> None:
    """A run waits for another one no longer than it was told to, and says who that is."""
    shop.revision("one", TABLE)
    told = Told()
    with psycopg.connect(empty_url, autocommit=True, application_name="the first run") as first:
        first.execute("select pg_advisory_lock(%s)", [shop.migrations.lock_key])
        with pytest.raises(Busy, match="Another run of migrations"):
            run.upgrade(empty_url, shop.migrations, patience=Patience(other_run_seconds=0.05), tell=told.append)
    assert told.kinds() == ["Waiting"]
    assert "the first run" in str(told[0])


def test_a_run_that_waits_holds_up_no_index(empty_url: str, shop: Shop) -> None:
    """While a second run waits, the first builds an index concurrently: neither waits for the other for ever."""
    do(empty_url, TABLE)
    waits = threading.Event()
    with ThreadPoolExecutor(1) as threads, psycopg.connect(empty_url, autocommit=True) as first:
        first.execute("select pg_advisory_lock(%s)", [shop.migrations.lock_key])
        second = threads.submit(run.upgrade, empty_url, shop.migrations, tell=lambda _event: waits.set())
        try:
            assert waits.wait(timeout=20)
            with psycopg.connect(empty_url, autocommit=True) as building:
                building.execute("set statement_timeout = '5s'")
                building.execute("create index concurrently orders_later_idx on orders (id)")
        finally:
            first.execute("select pg_advisory_unlock_all()")
        assert second.result(timeout=20) == []


def test_a_role_with_a_time_limit(empty_url: str, shop: Shop) -> None:
    """A limit that the database or the role has for statements is none for a migration."""
    shop.revision("one", "select pg_sleep(0.7)", TABLE)
    do(empty_url, f"alter database {database_of(empty_url)} set statement_timeout = '500ms'")
    assert run.upgrade(empty_url, shop.migrations) == ["one"]


def test_a_killed_runs_last_statement_is_waited_for(empty_url: str, shop: Shop) -> None:
    """Also what the server still does for a run whose process is gone keeps the next one waiting."""
    shop.revision("one", TABLE)
    with psycopg.connect(empty_url, autocommit=True) as orphan:
        orphan.execute("select pg_advisory_lock(%s)", [shop.migrations.work_key])
        with pytest.raises(Busy):
            run.upgrade(empty_url, shop.migrations, patience=Patience(other_run_seconds=0.05))
    assert run.upgrade(empty_url, shop.migrations) == ["one"]


def test_a_connection_that_is_lost(empty_url: str, shop: Shop) -> None:
    """When the server ends the connection in the middle, the error says what became of the revision."""
    shop.revision("one", TABLE, "select pg_terminate_backend(pg_backend_pid())", "create table invoices (id int)")
    with pytest.raises(DatabaseUnavailable, match=r"The database went away while one ran: .*Nothing of it was kept"):
        run.upgrade(empty_url, shop.migrations)
    assert "orders" not in _tables(empty_url)


def test_a_version_table_in_a_schema_of_its_own(empty_url: str, shop: Shop) -> None:
    """The schema of the version table is made when it is missing, and what is noted is found there."""
    path = shop.revision("one", TABLE)
    migrations = Migrations(shop.migrations.folder, "revisions", "Shop")
    assert run.upgrade(empty_url, migrations) == ["one"]
    assert rows(empty_url, 'select version_num from "Shop".revisions') == [("one",)]
    path.write_text(path.read_text() + "\n")
    assert run.look(empty_url, migrations).changed == ("one",)


def test_wherever_the_search_path_leads(empty_url: str, shop: Shop) -> None:
    """A version table of which no schema is said is in the default one, whatever search_path a login has."""
    shop.revision("one", "create table public.orders (id int)")
    database = f"alter database {database_of(empty_url)} set search_path"
    do(empty_url, "create schema elsewhere", f"{database} = elsewhere, public")
    assert run.upgrade(empty_url, shop.migrations) == ["one"]
    for path in ("nowhere", "public", "elsewhere"):
        do(empty_url, f"{database} = {path}")
        assert run.look(empty_url, shop.migrations).applied == ("one",)
        assert run.upgrade(empty_url, shop.migrations) == []
    assert rows(empty_url, "select version_num from public.shop_migrations") == [("one",)]


def test_a_version_table_where_a_search_path_once_led(empty_url: str, shop: Shop) -> None:
    """One of another schema is not believed and not doubled: the error says how it is named or moved.

    That of another application, at revisions of its own, is none of ours.
    """
    shop.revision("one", TABLE)
    do(empty_url, "create schema elsewhere", "create table elsewhere.shop_migrations (version_num text)")
    do(empty_url, "insert into elsewhere.shop_migrations values ('of another')")
    assert run.look(empty_url, shop.migrations).pending == ("one",)
    do(empty_url, "update elsewhere.shop_migrations set version_num = 'one'")
    for refused in (run.look, run.upgrade):
        with pytest.raises(MigrationsInvalid) as raised:
            refused(empty_url, shop.migrations)
    assert 'There is no version table "public"."shop_migrations", but "elsewhere"."shop_migrations" stands at one' in (
        raised.value.message
    )
    do(empty_url, raised.value.message.rpartition("or move it: ")[2])
    assert run.look(empty_url, shop.migrations).applied == ("one",)


def test_a_plan_changes_nothing(empty_url: str, shop: Shop) -> None:
    """The plan names what is pending, with its SQL when wanted, and the database is as it was."""
    shop.revision("one", TABLE)
    shop.revision("two", "delete from orders where id % 2 = 0")
    first, second = run.plan(empty_url, shop.migrations, with_sql=True)
    assert (first.revision, first.summary) == ("one", "What one does")
    assert first.sql is not None
    assert first.sql.startswith("BEGIN;")
    assert "CREATE TABLE shop_migrations" in first.sql
    assert second.sql is not None
    assert "delete from orders where id % 2 = 0;" in second.sql
    assert _tables(empty_url) == set()
