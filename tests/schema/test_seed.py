"""The facts of the seed document, typed out: tables, columns, keys, indexes and the enum are as it says.

Where it says `timestamp` the type here is `timestamptz`, one instant in any zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.rows import namedtuple_row


class Column(NamedTuple):
    """One column as the seed declares it."""

    name: str
    sql_type: str
    nullable: bool = False
    default: str | None = None


_STAMP = "timestamp with time zone"

SEED: dict[str, tuple[Column, ...]] = {
    "users": (
        Column("id", "text"),
        Column("email", "text"),
        Column("name", "text"),
        Column("image", "text", nullable=True),
        Column("organization_id", "text", nullable=True),
        Column("email_verified", "boolean", default="false"),
        Column("created_at", _STAMP, default="now()"),
        Column("updated_at", _STAMP, default="now()"),
    ),
    "api_keys": (
        Column("id", "text"),
        Column("name", "text"),
        Column("key_hash", "text"),
        Column("key_prefix", "text"),
        Column("user_id", "text"),
        Column("organization_id", "text"),
        Column("last_used_at", _STAMP, nullable=True),
        Column("expires_at", _STAMP, nullable=True),
        Column("created_at", _STAMP, default="now()"),
    ),
    "queue_items": (
        Column("id", "text"),
        Column("queue_id", "text"),
        Column("payload", "jsonb"),
        Column("status", "queue_item_status", default="'waiting'::queue_item_status"),
        Column("priority", "integer", default="0"),
        Column("attempts", "integer", default="0"),
        Column("max_attempts", "integer", default="3"),
        Column("error_message", "text", nullable=True),
        Column("scheduled_for", _STAMP, nullable=True),
        Column("started_at", _STAMP, nullable=True),
        Column("completed_at", _STAMP, nullable=True),
        Column("created_at", _STAMP, default="now()"),
    ),
}

# Column, table referred to, what ON DELETE does (a: no action, c: cascade, n: set null).
FOREIGN_KEYS = [
    ("users", "organization_id", "organizations", "n"),
    ("api_keys", "user_id", "users", "c"),
    ("api_keys", "organization_id", "organizations", "c"),
    ("queue_items_live", "queue_id", "queues", "c"),  # where items enter: ADR 0016
]

# Index, the table it stands on (of queue_items the live leaf), the seed's column that it serves.
INDEXES = [
    ("users_email_idx", "users", "email"),
    ("users_org_idx", "users", "organization_id"),
    ("api_keys_hash_idx", "api_keys", "key_hash"),
    ("api_keys_org_idx", "api_keys", "organization_id"),
    ("queue_items_queue_idx", "queue_items_live", "queue_id"),
    ("queue_items_status_idx", "queue_items_live", "status"),
    ("queue_items_scheduled_idx", "queue_items_live", "scheduled_for"),
]


@pytest.fixture
def connection(process_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the migrated database."""
    with psycopg.connect(process_url, row_factory=namedtuple_row) as opened:
        yield opened


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, columns in SEED.items() for column in columns], ids=str
)
def test_a_column_is_as_the_seed_says(connection: psycopg.Connection[Any], table: str, column: Column) -> None:
    """Each column of the seed has its name, its type, its nullability and its default."""
    found = connection.execute(
        """
        select a.attname, format_type(a.atttypid, a.atttypmod), not a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = %s::regclass and a.attname = %s
        """,
        [table, column.name],
    ).fetchone()
    assert found is not None
    assert Column(*found) == column


@pytest.mark.parametrize("table", SEED)
def test_the_primary_key_holds_the_id(connection: psycopg.Connection[Any], table: str) -> None:
    """`id` is the primary key; of queue_items it is together with the organization and the partition's column."""
    (keys,) = connection.execute(
        """
        select array_agg(a.attname::text order by a.attname) as names
        from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
        where c.conrelid = %s::regclass and c.contype = 'p'
        """,
        [table],
    ).fetchall()
    assert keys.names == (["finished_at", "id", "organization_id"] if table == "queue_items" else ["id"])


@pytest.mark.parametrize(("table", "column", "target", "action"), FOREIGN_KEYS)
def test_a_foreign_key_is_as_the_seed_says(
    connection: psycopg.Connection[Any], table: str, column: str, target: str, action: str
) -> None:
    """Each reference of the seed stands, with its ON DELETE; the organization may stand beside the column."""
    found = connection.execute(
        """
        select c.confdeltype::text as action, array_agg(a.attname::text) as columns
        from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
        where c.contype = 'f' and c.conrelid = %s::regclass and c.confrelid = %s::regclass and c.conparentid = 0
        group by c.oid
        """,
        [table, target],
    ).fetchall()
    keys = [key for key in found if column in key.columns]
    assert [(key.action, set(key.columns) - {"organization_id"}) for key in keys] == [
        (action, {column} - {"organization_id"})
    ]


@pytest.mark.parametrize(("index", "table", "column"), INDEXES)
def test_an_index_has_the_seeds_name(connection: psycopg.Connection[Any], index: str, table: str, column: str) -> None:
    """Each index of the seed has its name and serves its column, as a key or as its predicate."""
    found = connection.execute(
        "select pg_get_indexdef(indexrelid) as definition from pg_index "
        "where indexrelid = %s::regclass and indrelid = %s::regclass and indisvalid",
        [index, table],
    ).fetchone()
    assert found is not None
    assert column in found.definition.partition(" USING ")[2]


def test_the_status_has_the_seeds_labels(connection: psycopg.Connection[Any]) -> None:
    """The enum has the seed's labels in the seed's order, and `cancelled` at the end."""
    (found,) = connection.execute("select enum_range(null::queue_item_status)::text[] as labels").fetchall()
    assert found.labels == ["waiting", "processing", "completed", "failed", "cancelled"]


@pytest.mark.parametrize(("table", "column"), [("users", "email"), ("api_keys", "key_hash")])
def test_what_must_be_unique_is(connection: psycopg.Connection[Any], table: str, column: str) -> None:
    """An address names one user, and a key's hash one key."""
    found = connection.execute(
        """
        select i.indisunique from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = %s::regclass and a.attname = %s and i.indnkeyatts = 1
        """,
        [table, column],
    ).fetchall()
    assert [row.indisunique for row in found] == [True]


def test_no_instant_is_without_a_zone(connection: psycopg.Connection[Any]) -> None:
    """No column of any table is a timestamp without time zone."""
    found = connection.execute(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'public' and data_type = 'timestamp without time zone'"
    ).fetchall()
    assert found == []
