"""What the schema pages show: the database, each table's indexes with their use, constraints, policies, and migrations.

Read from PostgreSQL's catalogue and statistics, which every login may read; nothing here reads a row of a table but the
version that the migrations wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from psycopg import errors, sql

from fairlead.db.migrating.ledger import table_name
from fairlead.studio.access import Connection
from fairlead.studio.shape import Table
from fairlead.toolkit.environment import scripts
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.target import Target


@dataclass(frozen=True, slots=True)
class Server:
    """The server and the database, for the head of the overview."""

    version: str
    database: str
    bytes: int
    connections: int
    since: str


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a table, or of its leaves together: how big it is and how often it was used."""

    name: str
    definition: str
    bytes: int
    scans: int
    unique: bool
    primary: bool
    valid: bool


@dataclass(frozen=True, slots=True)
class Use:
    """What a table (with its leaves) goes through, since the statistics were last reset."""

    live: int
    dead: int
    sequential_scans: int
    index_scans: int
    inserted: int
    updated: int
    deleted: int
    vacuumed: str | None
    analyzed: str | None


@dataclass(frozen=True, slots=True)
class Structure:
    """What a table consists of besides its columns."""

    use: Use
    indexes: list[Index]
    constraints: list[tuple[str, str]]
    policies: list[tuple[str, str, str, str]]


@dataclass(frozen=True, slots=True)
class Revision:
    """A migration of the target, and whether the database has it."""

    name: str
    says: str
    text: str
    language: str
    applied: bool


_SERVER: Final = """
select current_setting('server_version'), current_database(), pg_database_size(current_database()),
    (select count(*) from pg_stat_activity where datname = current_database()),
    to_char(pg_postmaster_start_time() at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
"""
_PARTS: Final = (
    "with parts as (select relid from pg_partition_tree(%(table)s::regclass) union select %(table)s::regclass)"
)
_USE: Final = f"""
{_PARTS}
select coalesce(sum(n_live_tup), 0)::bigint, coalesce(sum(n_dead_tup), 0)::bigint, coalesce(sum(seq_scan), 0)::bigint,
    coalesce(sum(idx_scan), 0)::bigint, coalesce(sum(n_tup_ins), 0)::bigint, coalesce(sum(n_tup_upd), 0)::bigint,
    coalesce(sum(n_tup_del), 0)::bigint,
    to_char(max(greatest(last_vacuum, last_autovacuum)) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
    to_char(max(greatest(last_analyze, last_autoanalyze)) at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
from pg_stat_user_tables where relid in (select relid from parts)
"""  # noqa: S608 - both are constants
_INDEXES: Final = f"""
{_PARTS}
select c.relname, pg_get_indexdef(i.indexrelid), pg_relation_size(i.indexrelid), coalesce(s.idx_scan, 0),
    i.indisunique, i.indisprimary, i.indisvalid
from pg_index i join pg_class c on c.oid = i.indexrelid
left join pg_stat_user_indexes s on s.indexrelid = i.indexrelid
where i.indrelid in (select relid from parts) and c.relkind = 'i'
order by not i.indisprimary, c.relname
"""  # noqa: S608 - same
_CONSTRAINTS: Final = """
select conname, pg_get_constraintdef(oid) || case when convalidated then '' else '  (not validated)' end
from pg_constraint where conrelid = %(table)s::regclass and contype <> 'n' order by contype desc, conname
"""
_POLICIES: Final = """
select p.polname, case p.polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
    else 'delete' end,
    coalesce((select string_agg(r.rolname, ', ' order by r.rolname) from pg_roles r where r.oid = any (p.polroles)),
        'everybody'),
    coalesce(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), '')
from pg_policy p where p.polrelid = %(table)s::regclass order by p.polname
"""


async def read_server(connection: Connection) -> Server:
    """Return what the head of the overview shows."""
    return Server(*await _one(connection, _SERVER))


async def read_structure(connection: Connection, table: Table) -> Structure:
    """Return what a table consists of; raises psycopg's UndefinedTable when it is gone."""
    name = {"table": sql.Identifier(table.schema, table.name).as_string()}
    indexes = [Index(*row) for row in await _all(connection, _INDEXES, name)]
    constraints = await _all(connection, _CONSTRAINTS, name)
    policies = await _all(connection, _POLICIES, name)
    return Structure(Use(*await _one(connection, _USE, name)), indexes, constraints, policies)


async def read_revisions(connection: Connection, target: Target) -> list[Revision]:
    """Return the target's migrations, newest first, each with its text."""
    script = scripts(target)
    heads = await _versions(connection, target)
    known = {revision.revision for revision in script.walk_revisions()}
    here = [head for head in heads if head in known]
    applied = {each.revision for each in script.iterate_revisions(tuple(here), "base")} if here else set()
    return [
        Revision(revision.revision, revision.doc or "", *_text(Path(revision.path)), revision.revision in applied)
        for revision in script.walk_revisions()
    ]


def _text(path: Path) -> tuple[str, str]:
    """Return a revision's rendered SQL where it lies beside it, otherwise the revision itself, and its language."""
    rendered = path.with_suffix(".sql")
    if rendered.is_file():
        return rendered.read_text(encoding="utf-8"), "sql"
    return path.read_text(encoding="utf-8"), "python"


async def _versions(connection: Connection, target: Target) -> list[str]:
    place = table_name(migrations_of(target))
    try:
        async with connection.transaction():
            return [row[0] for row in await _all(connection, sql.SQL("select version_num from {}").format(place))]
    except (errors.UndefinedTable, errors.InsufficientPrivilege, errors.InvalidSchemaName):
        return []


async def _one(connection: Connection, query: str, parameters: dict[str, str] | None = None) -> tuple[Any, ...]:
    rows = await _all(connection, query, parameters)
    return rows[0]


async def _all(
    connection: Connection, query: str | sql.Composed, parameters: dict[str, str] | None = None
) -> list[tuple[Any, ...]]:
    text = query.encode() if isinstance(query, str) else query
    return await (await connection.execute(text, parameters)).fetchall()
