"""What the database itself refuses, table by table, whatever a statement of the application says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from sqlalchemy import ForeignKeyConstraint, Table
from tests.fixtures.every_table import fill_every_table

from fairlead.schema import metadata
from fairlead.schema.queue_items import FINISHED_LEAF, LIVE_LEAF

LEAVES = dict.fromkeys((LIVE_LEAF, FINISHED_LEAF), metadata.tables["queue_items"])
TABLES = dict(metadata.tables) | LEAVES
OWNED = {name: table for name, table in TABLES.items() if name == "organizations" or "organization_id" in table.c}
SYSTEM = sorted(TABLES.keys() - OWNED.keys())
WHOSE = {"organization_id", "role_scope"}
CROSSING = [
    (name, key)
    for name, table in metadata.tables.items()
    for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name))
    if len(key.column_keys) > 1
]


@pytest.fixture(scope="module")
def two(world_url: str) -> tuple[str, str]:
    """The ids of two organizations with a row in every table."""
    with psycopg.connect(world_url, autocommit=True) as connection:
        return fill_every_table(connection), fill_every_table(connection)


@pytest.fixture
def connection(world_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in a transaction that is rolled back."""
    with psycopg.connect(world_url, row_factory=dict_row) as opened:
        yield opened
        opened.rollback()


def _become(connection: psycopg.Connection[Any], role: str, organization_id: str = "") -> None:
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
    connection.execute("select set_config('fairlead.organization_id', %s, true)", [organization_id])


def _said(connection: psycopg.Connection[Any], text: str, table: str, *values: Any) -> psycopg.Cursor[Any]:
    column = "id" if table == "organizations" else "organization_id"
    names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
    return connection.execute(sql.SQL(text).format(**names), list(values))


def _row_of(connection: psycopg.Connection[Any], table: str, organization_id: str) -> dict[str, Any]:
    """Return one of an organization's rows as JSON."""
    _become(connection, "fairlead_system")
    rows = _said(
        connection, "select to_jsonb(t) as row from {table} t where {column} = %s limit 1", table, organization_id
    )
    return {**(rows.fetchone() or {})["row"]}


def _insert(connection: psycopg.Connection[Any], table: str, row: dict[str, Any]) -> None:
    computed = {column.name for column in TABLES[table].c if column.computed is not None or column.identity is not None}
    names = sql.SQL(", ").join(sql.Identifier(name) for name in row if name not in computed)
    text = "insert into {table} ({names}) select {names} from jsonb_populate_record(cast(null as {table}), %s)"
    connection.execute(sql.SQL(text).format(table=sql.Identifier(table), names=names), [Jsonb(row)])


@pytest.mark.parametrize("table", sorted(OWNED))
def test_no_row_of_another_is_read(connection: psycopg.Connection[Any], two: tuple[str, str], table: str) -> None:
    """A tenant that asks for everything gets its own rows, and what belongs to everybody."""
    own, other = two
    _become(connection, "fairlead_app", own)
    rows = _said(connection, "select {column} as whose from {table}", table).fetchall()
    assert own in {row["whose"] for row in rows}
    assert {row["whose"] for row in rows} <= {own, None}
    assert other != own


@pytest.mark.parametrize("table", sorted(OWNED))
@pytest.mark.parametrize("verb", ["update {table} set {column} = {column}", "delete from {table}"])
def test_no_row_of_another_is_changed(
    connection: psycopg.Connection[Any], two: tuple[str, str], table: str, verb: str
) -> None:
    """A tenant that changes or deletes everything of another's changes nothing, or may not do that at all."""
    _become(connection, "fairlead_app", two[0])
    try:
        done = _said(connection, verb + " where {column} is distinct from %s", table, two[0])
    except psycopg.errors.InsufficientPrivilege:
        return
    assert done.rowcount == 0


@pytest.mark.parametrize("table", sorted(OWNED))
def test_no_row_is_put_into_another(connection: psycopg.Connection[Any], two: tuple[str, str], table: str) -> None:
    """A tenant can put no row into another's organization, even one that is there already."""
    row = _row_of(connection, table, two[1])
    _become(connection, "fairlead_app", two[0])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _insert(connection, table, row)


@pytest.mark.parametrize("table", sorted(OWNED))
def test_no_row_is_given_to_another(connection: psycopg.Connection[Any], two: tuple[str, str], table: str) -> None:
    """A tenant can move none of its own rows into another's organization."""
    _become(connection, "fairlead_app", two[0])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _said(connection, "update {table} set {column} = %s where {column} = %s", table, two[1], two[0])


@pytest.mark.parametrize("table", SYSTEM)
def test_what_is_nobodys_is_out_of_reach(connection: psycopg.Connection[Any], two: tuple[str, str], table: str) -> None:
    """Tables that have no organization (sign-in, the fleet) are closed to tenants."""
    _become(connection, "fairlead_app", two[0])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _said(connection, "select 1 from {table}", table)


def _parent(connection: psycopg.Connection[Any], key: ForeignKeyConstraint, whose: str) -> dict[str, Any]:
    """Return what refers to a row, but for whose it is, with the values of a row that is another's."""
    parent: Table = key.referred_table
    row = _row_of(connection, parent.name, whose)
    pairs = [(element.parent.name, element.column.name) for element in key.elements]
    return {child: row[column] for child, column in pairs if child not in WHOSE}


@pytest.mark.parametrize(("table", "key"), CROSSING, ids=[f"{table}-{key.name}" for table, key in CROSSING])
def test_no_row_refers_to_another_organizations(
    connection: psycopg.Connection[Any], two: tuple[str, str], table: str, key: ForeignKeyConstraint
) -> None:
    """Not even the system can let a row of one organization refer to a row of another: the keys are composite."""
    assert {element.parent.name for element in key.elements} & WHOSE
    row = _row_of(connection, table, two[0]) | _parent(connection, key, two[1])
    row |= {name: "new" for name in ("id", "name", "token_hash", "key_hash") if isinstance(row.get(name), str)}
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as refused:
        _insert(connection, table, row)
    assert refused.value.diag.constraint_name == key.name


@pytest.mark.parametrize(
    "table", [table for table, model in sorted(metadata.tables.items()) if "role_scope" in model.c]
)
def test_no_row_takes_a_role_of_another(connection: psycopg.Connection[Any], two: tuple[str, str], table: str) -> None:
    """A reference to a role can only name the row's own organization, or everybody's roles."""
    role = _row_of(connection, "roles", two[1])
    row = _row_of(connection, table, two[0]) | {"role_id": role["id"], "role_scope": two[1]}
    with pytest.raises(psycopg.errors.CheckViolation):
        _insert(connection, table, row)
