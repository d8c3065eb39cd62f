"""What the catalogue must say of every table, whatever its name: nobody sees or writes another tenant's rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import namedtuple_row
from tests.fixtures.every_table import fill_every_table

from fairlead.schema import metadata
from fairlead.schema.row_security import ROLES

LEAVES = ("queue_items_live", "queue_items_finished")
# In the models a table can be forgotten as little as in the database: test_every_table_is_listed compares the two.
TABLES = sorted([*metadata.tables, *LEAVES])

# Policies that let the application see what is nobody's own; each may be read only.
SHARED_POLICIES = {"roles_shared": "(organization_id IS NULL)"}  # the system roles, the same for everybody
# Tables with organization_id that no index leads with, and why that is right.
LED_OTHERWISE = {
    "roles": "owner_scope, which is the organization's id or '*', leads roles_name_idx",
    "ordering_turns": "a list that is worked off from its start, by maintenance alone",
}

SETTING = "NULLIF(current_setting('fairlead.organization_id'::text, true), ''::text)"
DATA_ONLY = {"SELECT", "INSERT", "UPDATE", "DELETE"}


@pytest.fixture
def connection(process_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the migrated database, as the login."""
    with psycopg.connect(process_url, row_factory=namedtuple_row) as opened:
        yield opened


def _names(connection: psycopg.Connection[Any], query: str) -> list[str]:
    return [str(row[0]) for row in connection.execute(query.encode()).fetchall()]


def _tenant_tables(connection: psycopg.Connection[Any], *, nullable_too: bool = False) -> set[str]:
    found = connection.execute(
        "select c.relname as name, a.attnotnull as required from pg_class c join pg_attribute a on a.attrelid = c.oid "
        "where a.attname = 'organization_id' and c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace"
    ).fetchall()
    return {row.name for row in found if row.required or nullable_too}


@cache
def _policies(url: str) -> list[Any]:
    with psycopg.connect(url, row_factory=namedtuple_row) as connection:
        return connection.execute(
            "select tablename, policyname, roles::text[] as roles, cmd, qual, with_check, permissive from pg_policies "
            "where schemaname = 'public'"
        ).fetchall()


def test_every_table_is_listed(connection: psycopg.Connection[Any]) -> None:
    """The tables there are, partitions included, are those of the models and the leaves known here."""
    found = _names(
        connection,
        "select relname from pg_class where relkind in ('r', 'p', 'f', 'm', 'v') "
        "and relnamespace = 'public'::regnamespace and relname <> 'fairlead_migrations' order by relname",
    )
    assert found == TABLES


# The live leaf's policy compares in another collation than its indexes have (see schema/queue_items.py).
COMPARED = {"queue_items_live": f'({SETTING} COLLATE "default")'}


@pytest.mark.parametrize("table", TABLES)
def test_row_security_is_on_and_forced(connection: psycopg.Connection[Any], table: str) -> None:
    """Row security is enabled, and forced on the owner too, on every table and every partition."""
    (row,) = connection.execute(
        "select relrowsecurity, relforcerowsecurity from pg_class where oid = %s::regclass", [table]
    ).fetchall()
    assert tuple(row) == (True, True)


@pytest.mark.parametrize("table", TABLES)
def test_a_policy_gives_a_tenant_its_own_rows_only(process_url: str, table: str) -> None:
    """A policy names its role; the application's compares the organization in what is read and in what is written."""
    policies = [policy for policy in _policies(process_url) if policy.tablename == table]
    assert policies, "a table without a policy shows nothing to anybody: declare its RowSecurity"
    for policy in policies:
        if policy.roles == ["fairlead_reader"]:
            assert (policy.cmd, policy.with_check) == ("SELECT", None), "a reader never writes"
            continue  # what it sees is compared with what the application sees, below
        assert policy.roles in (["fairlead_app"], ["fairlead_system"], ["fairlead_app", "fairlead_reader"]), policy
        text = f"{policy.qual} {policy.with_check}"
        assert not re.search(r"\bor\b", text, re.IGNORECASE), f"{policy.policyname}: an OR opens what the rest closes"
        assert "select" not in text.lower(), f"{policy.policyname}: Citus refuses sub-selects in policies"
        if policy.policyname in SHARED_POLICIES:
            assert (policy.cmd, policy.qual, policy.with_check) == ("SELECT", SHARED_POLICIES[policy.policyname], None)
        elif policy.roles == ["fairlead_app"]:
            own = f"({'id' if table == 'organizations' else 'organization_id'} = {COMPARED.get(table, SETTING)})"
            assert (policy.permissive, policy.cmd) == ("PERMISSIVE", "ALL")
            assert (policy.qual, policy.with_check) == (own, own)


def test_every_tenant_table_has_a_tenants_policy(process_url: str, connection: psycopg.Connection[Any]) -> None:
    """Every table that belongs to organizations can be used by them: it has a policy for the application."""
    tenants = {policy.tablename for policy in _policies(process_url) if policy.roles == ["fairlead_app"]}
    assert tenants == _tenant_tables(connection, nullable_too=True) | {"organizations"}


def test_the_fleet_has_a_policy_everywhere(process_url: str) -> None:
    """The fleet's role has its own explicit policy on every table instead of a right to bypass."""
    systems = {policy.tablename for policy in _policies(process_url) if policy.roles == ["fairlead_system"]}
    assert systems == set(TABLES)


def test_foreign_keys_between_tenants_include_the_organization(connection: psycopg.Connection[Any]) -> None:
    """A reference between two tables of tenants holds the organization on both sides, so it cannot cross."""
    tenants = _tenant_tables(connection)
    keys = connection.execute("""
        select c.conname, f.relname as source, t.relname as target,
            array(select a.attname::text from unnest(c.conkey) with ordinality k (number, place)
                join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number order by k.place) as columns,
            array(select a.attname::text from unnest(c.confkey) with ordinality k (number, place)
                join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.number order by k.place) as others
        from pg_constraint c join pg_class f on f.oid = c.conrelid join pg_class t on t.oid = c.confrelid
        where c.contype = 'f' and c.connamespace = 'public'::regnamespace
    """).fetchall()
    between = [key for key in keys if key.source in tenants and key.target in tenants]
    assert {key.source for key in between} >= {"queue_items_live", "schedules", "unique_periods"}
    crossing = [
        key.conname
        for key in between
        if ("organization_id", "organization_id") not in zip(key.columns, key.others, strict=True)
    ]
    assert crossing == [], "make these foreign keys composite, (organization_id, …) on both sides"


def test_every_tenant_table_is_found_by_its_organization(connection: psycopg.Connection[Any]) -> None:
    """Each table with organization_id has a whole index that leads with it, or is listed above with the reason."""
    led = set(
        _names(
            connection,
            "select i.indrelid::regclass from pg_index i "
            "join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] "
            "where a.attname = 'organization_id' and i.indpred is null and i.indisvalid",
        )
    )
    assert _tenant_tables(connection, nullable_too=True) - led == set(LED_OTHERWISE)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_can_neither_log_in_nor_bypass(connection: psycopg.Connection[Any], role: str) -> None:
    """None of the roles is a superuser, bypasses row security, logs in, or makes roles or databases."""
    (row,) = connection.execute(
        "select rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb, rolreplication "
        "from pg_roles where rolname = %s",
        [role],
    ).fetchall()
    assert not any(row)


def test_no_role_is_a_member_of_another(connection: psycopg.Connection[Any]) -> None:
    """The application cannot become the fleet or the owner: none of the roles is a member of any role."""
    found = connection.execute(
        "select member::regrole::text from pg_auth_members where member::regrole::text = any (%s)", [list(ROLES)]
    ).fetchall()
    assert found == []


def test_the_owner_owns_everything(connection: psycopg.Connection[Any]) -> None:
    """Every relation and type belongs to fairlead_owner, which cannot log in."""
    found = connection.execute("""
        select relname from pg_class where relnamespace = 'public'::regnamespace
            and relowner <> 'fairlead_owner'::regrole and relname !~ '^fairlead_migrations'
        union all
        select typname from pg_type where typnamespace = 'public'::regnamespace
            and typowner <> 'fairlead_owner'::regrole and typname !~ '^_?fairlead_migrations'
    """).fetchall()
    assert found == []


def test_nobody_may_do_more_to_a_table_than_work_with_its_rows(connection: psycopg.Connection[Any]) -> None:
    """The application and the fleet read and write rows, no more: no TRUNCATE, REFERENCES, TRIGGER; PUBLIC nothing."""
    found = connection.execute("""
        select c.relname as table, c.relkind::text as kind, coalesce(r.rolname, 'PUBLIC') as grantee,
            array_agg(g.privilege_type) as may, bool_or(g.is_grantable) as passes_on
        from pg_class c cross join aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) g
        left join pg_roles r on r.oid = g.grantee
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'S') and g.grantee <> c.relowner
        group by 1, 2, 3
    """).fetchall()
    assert {row.grantee for row in found} == {"fairlead_app", "fairlead_system", "fairlead_reader"}
    assert not any(row.passes_on for row in found)
    tables = {(row.grantee, row.table): set(row.may) for row in found if row.kind != "S"}
    assert all(may <= DATA_ONLY for may in tables.values())
    assert tables["fairlead_app", "audit_events"] == {"SELECT", "INSERT"}
    assert {tables[role, "fairlead_migrations"] == {"SELECT"} for role in ("fairlead_app", "fairlead_system")} == {True}
    assert all(set(row.may) == {"USAGE"} for row in found if row.kind == "S")


def test_public_may_make_nothing(connection: psycopg.Connection[Any]) -> None:
    """Neither PUBLIC nor the two working roles may make anything in the schema."""
    (row,) = connection.execute("""
        select has_schema_privilege('fairlead_app', 'public', 'create') as app,
            has_schema_privilege('fairlead_system', 'public', 'create') as system,
            exists (select from pg_namespace n cross join aclexplode(n.nspacl) g
                where n.nspname = 'public' and g.grantee = 0 and g.privilege_type = 'CREATE') as everybody
    """).fetchall()
    assert not any(row)


def test_a_number_from_a_sequence_has_room_for_it(connection: psycopg.Connection[Any]) -> None:
    """A column that a sequence fills is as wide as the sequence: it never runs out before the sequence does."""
    narrow = connection.execute("""
        select d.adrelid::regclass::text, a.attname
        from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where pg_get_expr(d.adbin, d.adrelid) like 'nextval%' and a.atttypid <> 'bigint'::regtype
    """).fetchall()
    assert narrow == [], "declare it BigInteger: at 30 000 items a second an integer lasts twenty hours"


class TestWithoutTheRightOrganization:
    """The application role with no organization set, an empty one, or another one's."""

    @pytest.fixture(params=["never set", "empty", "another"])
    def stranger(
        self, request: pytest.FixtureRequest, connection: psycopg.Connection[Any], database_url: str
    ) -> psycopg.Connection[Any]:
        """A connection inside a transaction of the application, with rows of two organizations in every table."""
        del database_url  # emptied
        fill_every_table(connection)
        another = fill_every_table(connection)
        with connection.transaction():
            connection.execute("set local role fairlead_system")
            connection.execute("delete from organizations where id = %s", [another])
            for outliving in ("audit_events", "item_counters", "ordering_turns", "queue_items"):
                gone = sql.SQL("delete from {} where organization_id = %s").format(sql.Identifier(outliving))
                connection.execute(gone, [another])
        connection.execute("set local role fairlead_app")
        if request.param != "never set":
            setting = "" if request.param == "empty" else another
            connection.execute("select set_config('fairlead.organization_id', %s, true)", [setting])
        return connection

    @pytest.mark.parametrize("table", TABLES)
    def test_no_row_is_seen(self, stranger: psycopg.Connection[Any], table: str) -> None:
        """Every table shows no row of an organization, or may not be read at all."""
        stranger.execute("set local role fairlead_system")
        assert stranger.execute(_count(table)).fetchone() != (0,), "the fixture must have filled it"
        stranger.execute("set local role fairlead_app")
        if stranger.execute("select has_table_privilege(%s, 'select')", [table]).fetchone() == (True,):
            assert stranger.execute(_count(table)).fetchone() == (0,)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                stranger.execute(_count(table))

    @pytest.mark.parametrize("table", TABLES)
    def test_no_row_is_changed(self, stranger: psycopg.Connection[Any], table: str) -> None:
        """Updating or deleting everything reaches no row, or may not be tried at all."""
        column = sql.Identifier(
            next(
                name for name in _plain_columns(stranger, table) if name in {"id", "user_id", "organization_id", "name"}
            )
        )
        for privilege, query in (
            ("update", sql.SQL("update {} set {} = {}").format(sql.Identifier(table), column, column)),
            ("delete", sql.SQL("delete from {}").format(sql.Identifier(table))),
        ):
            allowed = stranger.execute("select has_table_privilege(%s, %s)", [table, privilege]).fetchone() == (True,)
            if allowed:
                assert stranger.execute(query).rowcount == 0

    @pytest.mark.parametrize("table", TABLES)
    def test_no_row_is_added(self, stranger: psycopg.Connection[Any], table: str) -> None:
        """Inserting a row of the organization fails, on row security or for want of the right."""
        columns = sql.SQL(", ").join(map(sql.Identifier, _plain_columns(stranger, table)))
        stranger.execute("set local role fairlead_system")
        query = sql.SQL("select to_jsonb(t) as row from {} t limit 1").format(sql.Identifier(table))
        (found,) = stranger.execute(query).fetchall()
        stranger.execute("set local role fairlead_app")
        insert = sql.SQL("insert into {} ({}) select {} from jsonb_populate_record(null::{}, %s)").format(
            sql.Identifier(table), columns, columns, sql.Identifier(table)
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stranger.execute(insert, [psycopg.types.json.Jsonb(found.row)])


@pytest.mark.parametrize("table", TABLES)
class TestAReader:
    """A role with the reader's policies that was given the columns of every table to read."""

    @pytest.fixture
    def reader(
        self, database_url: str, connection: psycopg.Connection[Any], table: str
    ) -> Iterator[psycopg.Connection[Any]]:
        """A connection inside a transaction in which the reader may read the table, which is not kept."""
        del database_url  # emptied
        fill_every_table(connection)
        connection.execute("set local role fairlead_owner")
        connection.execute(sql.SQL("grant select on {} to fairlead_reader").format(sql.Identifier(table)))
        connection.execute("set local role fairlead_reader")
        yield connection
        connection.rollback()

    def test_it_sees_every_row(self, reader: psycopg.Connection[Any], table: str) -> None:
        """With no organization set a reader sees what the fleet sees."""
        (seen,) = reader.execute(_rows(table)).fetchall()
        reader.execute("set local role fairlead_system")
        assert [seen] == reader.execute(_rows(table)).fetchall() != [([],)]

    def test_it_sees_what_the_application_sees(self, reader: psycopg.Connection[Any], table: str) -> None:
        """With an organization set a reader sees the rows that row security shows the application, no other."""
        reader.execute("set local role fairlead_system")
        another = fill_every_table(reader)
        reader.execute("select set_config('fairlead.organization_id', %s, true)", [another])
        reader.execute("set local role fairlead_app")
        may_read = reader.execute("select has_table_privilege(%s, 'select')", [table]).fetchall() == [(True,)]
        expected = reader.execute(_rows(table)).fetchall() if may_read else [([],)]
        reader.execute("set local role fairlead_reader")
        assert reader.execute(_rows(table)).fetchall() == expected


def _rows(table: str) -> sql.Composed:
    query = sql.SQL("select coalesce(array_agg(t::text order by t::text), '{{}}') as rows from {} t")
    return query.format(sql.Identifier(table))


def _count(table: str) -> sql.Composed:
    # The system roles are nobody's own and there from the start.
    own = sql.SQL("where organization_id is not null") if table == "roles" else sql.SQL("")
    return sql.SQL("select count(*) from {} {}").format(sql.Identifier(table), own)


def _plain_columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    found = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped "
        "and attgenerated = '' and attidentity = ''",
        [table],
    ).fetchall()
    return [row.attname for row in found]
