from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.fixtures import warehouse
from tests.fixtures.databases import as_login, database_of, made_login
from tests.fixtures.studios import Guest, opened

from fairlead.errors import DatabaseUnavailable, OperatorError
from fairlead.studio.login import reading_login
from fairlead.toolkit.catalogue.read import read_catalogue
from fairlead.toolkit.environment import connected
from fairlead.toolkit.target import own

pytestmark = pytest.mark.anyio


def _logins(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select rolname from pg_roles where rolname like 'fairlead_studio_' || "
            "(select oid from pg_database where datname = current_database()) || '_%' order by 1"
        )
        return [str(row[0]) for row in rows.fetchall()]


async def test_the_login_comes_and_goes(process_url: str) -> None:
    """It is there while studio runs, can do nothing but log in, and leaves nothing behind."""
    assert _logins(process_url) == []
    async with reading_login(process_url, own()) as login:
        (name,) = _logins(process_url)
        with psycopg.connect(process_url) as connection:
            row = connection.execute(
                "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin, "
                "array(select roleid::regrole::text from pg_auth_members where member = r.oid) "
                "from pg_roles r where rolname = %s",
                [name],
            ).fetchone()
        assert row == (False, False, False, False, False, True, ["fairlead_reader"])
        assert name in login.url
        assert login.refused == ()
    assert _logins(process_url) == []


async def test_no_comparison_of_schemas_sees_it(process_url: str) -> None:
    """While studio runs, `check` and `push` find the same schema as without it."""

    def schema() -> Any:
        with connected(process_url) as connection:
            return read_catalogue(connection, own())

    before = schema()
    async with reading_login(process_url, own()):
        assert schema() == before


async def test_what_a_killed_studio_left_is_dropped(process_url: str) -> None:
    """The next studio drops the login of one that was killed, and leaves that of one that runs."""
    with psycopg.connect(process_url, autocommit=True) as connection:
        oid: Any = connection.execute("select oid from pg_database where datname = current_database()").fetchone()
        left = f"fairlead_studio_{oid[0]}_left"
        connection.execute(sql.SQL("create role {} login").format(sql.Identifier(left)))
        connection.execute("set role fairlead_owner")
        connection.execute(sql.SQL("grant select (id) on users to {}").format(sql.Identifier(left)))
    async with reading_login(process_url, own()):
        (first,) = _logins(process_url)
        assert first != left
        async with reading_login(process_url, own()):
            assert first in _logins(process_url)
            assert len(_logins(process_url)) == 2


async def test_a_login_that_may_not_make_one(server_url: str, process_url: str) -> None:
    """Whoever may not make logins is told what an administrator has to run."""
    with (
        made_login(server_url, f"{database_of(process_url)}_poor") as poor,
        pytest.raises(OperatorError, match="createrole"),
    ):
        async with reading_login(as_login(server_url, database_of(process_url), poor), own()):
            pass
    assert _logins(process_url) == []


async def test_no_database() -> None:
    """A database that is not there is a sentence, which says what failed and what to look at."""
    with pytest.raises(DatabaseUnavailable, match=r"cannot be reached: .* Connection refused \(Is the server running"):
        async with reading_login("postgresql://nobody@127.0.0.1:1/none", own()):
            pass


WRITES = [
    "insert into queues (id, organization_id, name) values ('x', 'x', 'x')",
    "update users set name = 'x'",
    "delete from audit_events",
    "truncate queues",
    "drop table queues",
    "create table x (n int)",
    "create function x() returns int language sql as 'select 1'",
    "alter table queues add column x int",
    "grant select on users to public",
    "create role x superuser",
    "alter role current_user superuser",
    "select nextval('queue_items_seq')",
    "with gone as (delete from queues returning *) select * from gone",
    "explain analyze delete from queues",
    "select * from queues for update",
    "copy (select 1) to program 'true'",
    "copy queues from program 'true'",
    "copy (select 1) to '/tmp/fairlead'",
    "select lo_import('/etc/passwd')",
    "select lo_create(0)",
    "select pg_read_file('/etc/passwd')",
    "select pg_reload_conf()",
    "load 'dblink'",
    "create extension dblink",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename <> session_user",
    "set session authorization default; delete from queues",
    "commit; delete from queues",
    "select 1; delete from queues",
    "vacuum users",
    "prepare p as delete from queues",
    "call x()",
    "refresh materialized view x",
    "set transaction read write",
    "set role fairlead_app",
    "set role fairlead_system",
    "set role fairlead_owner",
    "select set_config('transaction_read_only', 'off', true)",
    "select set_config('role', 'fairlead_system', true)",
    *(
        f"do $$ begin {first}; delete from queues; end $$"  # noqa: S608 - not to be safe is the point
        for first in (
            "null",
            "set local transaction_read_only = off",
            "perform set_config('transaction_read_only', 'off', true)",
            "reset role",
            "set session authorization default",
            "set local role fairlead_system",
            "perform set_config('role', 'fairlead_owner', true)",
            "commit",
            "rollback",
        )
    ),
]
# What is done to no row and lasts no longer than its transaction is no harm; what matters is that nothing changed.
# (PostgreSQL 15 lets a read-only transaction make a large object, which ends with it.)
HARMLESS = {"prepare p as delete from queues", "set transaction read write", "select lo_create(0)"}


def _everything(url: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        connection.execute("set role fairlead_system")
        names = [
            str(row[0])
            for row in connection.execute(
                "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 2200 order by 1"
            ).fetchall()
        ]
        queries = [
            sql.SQL("select count(*), md5(string_agg(t::text, '' order by t::text)) from {} t").format(
                sql.Identifier(name)
            )
            for name in [*names, "pg_largeobject_metadata"]
        ]
        return [names, *(connection.execute(query).fetchone() for query in queries)]


async def test_no_sql_writes(guest: Guest, database_url: str) -> None:
    """Whatever the console is given, by whatever detour, is refused or without effect; nothing changes."""
    before = _everything(database_url)
    for statement in WRITES:
        for mode in ("run", "analyze"):
            answer = await guest.sql(statement, mode)
            assert answer["error"] or mode == "analyze" or statement in HARMLESS, statement
    assert _everything(database_url) == before


async def test_nothing_is_left_for_the_next_statement(guest: Guest) -> None:
    """A setting, a role or a transaction that a statement leaves is gone with it."""
    for statement in (
        "set statement_timeout = 0",
        "set default_transaction_read_only = off",
        "commit",
        "rollback and chain",
    ):
        assert not (await guest.sql(statement))["error"], statement
    shown = await guest.sql("select current_setting('transaction_read_only'), current_setting('statement_timeout')")
    assert shown["rows"] == [["on", "30s"]]
    roles = await guest.sql("select session_user = current_user, session_user like 'fairlead_studio_%'")
    assert roles["rows"] == [["t", "t"]]


SECRET_SQL = [
    "select key_hash from api_keys",
    "select * from api_keys",
    "select api_keys from api_keys",
    "select to_jsonb(k) from api_keys k",
    "select row_to_json(k) from api_keys k",
    "select count(*) from api_keys where key_hash like 'a%'",
    "select id from api_keys order by key_hash",
    "select secret_hash from credentials",
    "select token_hash from sessions",
    "table verifications",
    "copy api_keys to stdout",
    "select query_to_xml('select key_hash from api_keys', true, false, '')",
    "select (most_common_vals::text || 1/0) from pg_stats where attname = 'key_hash' union all select (1/0)::text",
    "select rolpassword from pg_authid",
    "do $$ begin raise notice '%', (select key_hash from api_keys limit 1); end $$",
]


async def test_no_sql_reads_a_secret(guest: Guest) -> None:
    """A secret column is not the console's to read, in no form: not as a value, a row, an order or a condition."""
    for statement in SECRET_SQL:
        answer = await guest.sql(statement)
        assert answer["error"], statement
        assert answer["rows"] == []
        assert answer["notices"] == []
    assert "key_hash" in (await guest.sql("select * from api_keys"))["hint"]


async def test_anothers_secrets(shop_url: str, tmp_path: Path) -> None:
    """Of another application's schema too: not by name pattern, not by `info`, in no page, file or statement."""
    async with opened(shop_url, tmp_path, target=warehouse.target()) as guest:
        told = [
            await guest.page(path)
            for path in (
                "/",
                "/t/customers",
                "/t/customers/row?k=1",
                "/t/customers/structure",
                "/t/customers/export.csv",
                "/t/customers/export.json",
                "/t/customers?q=of-ada",
            )
        ]
        told += [
            str(await guest.sql(f"select {column} from customers"))  # noqa: S608 - ours
            for column in ('"passwordHash"', "api_token", "recovery_code", "*")
        ]
        assert "open-after-all" in told[1]
        assert not [text for text in told for secret in warehouse.SECRETS if secret in text]
        for column in ("api_token", "passwordHash", "recovery_code"):
            for address in (
                f"/t/customers?f={column}:eq:x",
                f"/t/customers?sort={column}",
                f"/t/customers/cell?k=1&column={column}",
            ):
                assert (await guest.client.get(address)).status_code == 400
