"""The witness: a trigger that writes every committed change of an item into a table of its own, in its transaction.

It sees what no client can see: when a lease was granted, renewed and taken back, by the very statement's time that the
engine compared leases with. It is transactional, so it knows nothing of what was rolled back or lost in a crash; what
was acknowledged to somebody outside is in the recorders' files, and the checker holds the one against the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, LiteralString

import orjson
import psycopg

_INSTALL: Final = """
create table chaos_journal (
    number bigint generated always as identity primary key,
    at timestamptz not null,
    transaction xid8 not null,
    before jsonb,
    after jsonb
);
create function chaos_witness() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into public.chaos_journal (at, transaction, before, after)
    values (
        statement_timestamp(), pg_current_xact_id(),
        case when tg_op <> 'INSERT' then to_jsonb(old) - '{payload,result,errors,error_message}'::text[] end,
        case when tg_op <> 'DELETE' then to_jsonb(new) - '{payload,result,errors,error_message}'::text[] end);
    return null;
end $$;
create trigger chaos_witness after insert or update or delete on queue_items
for each row execute function chaos_witness();
"""
_CHANGES: Final = """
select json_build_object(
    'number', number, 'at', at, 'transaction', transaction::text, 'before', before, 'after', after)::text
from chaos_journal order by number
"""
_ROWS: Final = """
select json_build_object(
    'id', id, 'organization_id', organization_id, 'queue_id', queue_id, 'status', status, 'attempts', attempts,
    'max_attempts', max_attempts, 'claims', claims, 'token', payload ->> 'token', 'canary', payload ->> 'canary',
    'result_canary', result ->> 'canary')::text
from queue_items
"""


def install(superuser_url: str) -> None:
    """Begin to witness; the database must be migrated and nothing may be in it yet."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute(_INSTALL)


def dump(superuser_url: str, directory: Path) -> None:
    """Write the changes and the items as they are into files."""
    with psycopg.connect(superuser_url) as connection:
        connection.execute("set transaction isolation level repeatable read")
        _write(connection, _CHANGES, directory / "changes.jsonl")
        _write(connection, _ROWS, directory / "rows.jsonl")


def _write(connection: psycopg.Connection[tuple[Any, ...]], query: LiteralString, path: Path) -> None:
    with path.open("wb") as file, connection.cursor(name="chaos_dump") as cursor:
        cursor.itersize = 5000
        for (line,) in cursor.execute(query):
            file.write(orjson.dumps(orjson.loads(line)) + b"\n")
