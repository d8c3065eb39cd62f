"""The shape of a target, read from its metadata and the database's catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias

from psycopg import AsyncConnection
from sqlalchemy import MetaData
from sqlalchemy import Table as Declared
from sqlalchemy.exc import NoReferenceError

from fairlead.studio.own import Knowledge, knowledge_of
from fairlead.studio.secrecy import is_secret
from fairlead.studio.shape import Column, Kind, Reference, Shape, Table

_Name: TypeAlias = tuple[str, str]  # schema, table

_COLUMNS: Final = """
with whole_indexes as (
    select i.* from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
    where m.amname = 'btree' and i.indisvalid and i.indpred is null
)
select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), t.typname, t.typcategory,
    not a.attnotnull, coalesce(pg_get_expr(d.adbin, d.adrelid), case when a.attidentity <> '' then 'next number' end),
    a.attgenerated <> '' or a.attidentity = 'a',
    array(select e.enumlabel from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder),
    col_description(c.oid, a.attnum),
    exists (select from whole_indexes i where i.indrelid = c.oid and i.indkey[0] = a.attnum),
    array(select b.attname::text from whole_indexes i join pg_attribute b on b.attrelid = c.oid
        and b.attnum = i.indkey[0] where i.indrelid = c.oid and i.indnkeyatts > 1 and i.indkey[1] = a.attnum)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and (n.nspname, c.relname) in (select * from unnest(%s::text[], %s::text[]))
order by a.attnum
"""
# The leaves of a partitioned table are counted with it; an estimate is -1 where nothing was ever analyzed.
_SIZES: Final = """
select n.nspname, c.relname, c.relkind::text, obj_description(c.oid), c.relrowsecurity,
    coalesce((select sum(l.reltuples) filter (where l.reltuples >= 0) from pg_class l
        where (l.oid = c.oid and c.relkind <> 'p')
            or l.oid in (select relid from pg_partition_tree(c.oid) where isleaf)), -1)::bigint,
    (select coalesce(sum(pg_total_relation_size(p)), 0) from (
        select c.oid as p union select relid from pg_partition_tree(c.oid)) as parts)::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and (n.nspname, c.relname) in (select * from unnest(%s::text[], %s::text[]))
"""
_SETTINGS: Final = r"""
select distinct found[1] from pg_policy p
join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace,
    regexp_matches(pg_get_expr(p.polqual, p.polrelid), $$current_setting\('([^']+)'$$, 'g') found
where (n.nspname, c.relname) in (select * from unnest(%s::text[], %s::text[]))
"""
_KINDS: Final[Mapping[str, Kind]] = {
    "A": "array",
    "B": "boolean",
    "D": "time",
    "E": "enum",
    "I": "text",
    "N": "number",
    "S": "text",
    "T": "time",
}


class _Found(NamedTuple):
    """A column as the catalogue has it."""

    schema: str
    table: str
    name: str
    type: str
    type_name: str
    category: str
    nullable: bool
    default: str | None
    made: bool
    labels: list[str]
    comment: str | None
    indexed: bool
    indexed_behind: list[str]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the catalogue says of the tables of a metadata."""

    columns: Mapping[_Name, Sequence[_Found]]
    sizes: Mapping[_Name, Sequence[Any]]


async def read_shape(connection: AsyncConnection[Any], metadata: MetaData) -> Shape:
    """Return the shape of a metadata's tables in this database."""
    known = knowledge_of(metadata)
    row = await (await connection.execute("select coalesce(current_schema(), 'public')")).fetchone()
    default = str(row[0]) if row else "public"
    declared = {_name(table, default): table for table in metadata.tables.values()}
    facts = await _facts(connection, list(declared))
    tables = {
        name: _table(table, name, facts=facts, known=known) for name, table in declared.items() if name in facts.columns
    }
    shape = {table.address: table for table in sorted(tables.values(), key=lambda table: table.address)}
    references = _references(declared, tables, known)
    joined = {address: _joined(table, references) for address, table in shape.items()}
    return Shape(joined, tuple(_missing(declared, tables)), await _setting(connection, list(tables)))


async def _setting(connection: AsyncConnection[Any], names: Sequence[_Name]) -> str:
    """Return the setting that policies compare rows with; "" when there is none, or more than one."""
    wanted = [[schema for schema, _ in names], [table for _, table in names]]
    found = await (await connection.execute(_SETTINGS, wanted)).fetchall()
    return str(found[0][0]) if len(found) == 1 else ""


async def _facts(connection: AsyncConnection[Any], names: Sequence[_Name]) -> _Facts:
    wanted = [[schema for schema, _ in names], [table for _, table in names]]
    columns: dict[_Name, list[_Found]] = {}
    for row in await (await connection.execute(_COLUMNS, wanted)).fetchall():
        found = _Found(*row)
        columns.setdefault((found.schema, found.table), []).append(found)
    sizes = {(row[0], row[1]): row[2:] for row in await (await connection.execute(_SIZES, wanted)).fetchall()}
    return _Facts(columns, sizes)


def _name(table: Declared, default: str) -> _Name:
    return (table.schema or default, table.name)


def _table(declared: Declared, name: _Name, *, facts: _Facts, known: Knowledge) -> Table:
    schema, table_name = name
    found = facts.columns[name]
    here = {column.name for column in found}
    secret = [
        column.name
        for column in found
        if is_secret(column.name, info=_info(declared, column.name), category=column.category)
    ]
    kind, comment, row_security, estimate, size = facts.sizes[name]
    key = tuple(column.name for column in declared.primary_key.columns)
    open_key = key if key and here.issuperset(key) and not set(key) & set(secret) else ()
    return Table(
        table_name,
        schema,
        columns=tuple(_column(column) for column in found if column.name not in secret),
        key=open_key or (("ctid",) if kind == "r" else ()),
        secret=tuple(secret),
        absent=tuple(column.name for column in declared.columns if column.name not in here),
        kept=known.kept.get(table_name) or _unchangeable(kind, open_key),
        comment=comment or declared.comment,
        rows_estimate=estimate,
        bytes=size,
        row_security=row_security,
        tenant_column=known.tenant_columns.get(table_name),
        drawn_key=known.draws_keys and key == ("id",) and "text" in {c.type for c in found if c.name == "id"},
    )


def _unchangeable(kind: str, key: tuple[str, ...]) -> str | None:
    if kind in {"v", "m"}:
        return "This is a view."
    return None if key else "This table has no primary key, so that no row of it can be meant for certain."


def _info(declared: Declared, column: str) -> Mapping[Any, Any]:
    found = next((each for each in declared.columns if each.name == column), None)
    return found.info if found is not None else {}


def _column(found: _Found) -> Column:
    return Column(
        found.name,
        found.type,
        _kind(found),
        nullable=found.nullable,
        default=found.default,
        made=found.made,
        labels=tuple(found.labels),
        comment=found.comment,
        indexed=found.indexed,
        indexed_behind=tuple(found.indexed_behind),
    )


def _kind(found: _Found) -> Kind:
    if found.type_name in {"json", "jsonb"}:
        return "json"
    if found.type_name == "bytea":
        return "binary"
    if found.type_name == "uuid":
        return "text"
    return _KINDS.get(found.category, "other")


def _references(
    declared: Mapping[_Name, Declared], tables: Mapping[_Name, Table], known: Knowledge
) -> dict[Reference, None]:
    """Return every reference between tables that are there, by its open columns, each once, in the order declared."""
    by_address = {table.address: table for table in tables.values()}
    addresses = {declared[name]: table.address for name, table in tables.items()}
    found = [*_foreign_keys(addresses), *known.references]
    opened = (_opened(reference, by_address) for reference in found)
    return {reference: None for reference in opened if reference is not None}


def _opened(reference: Reference, tables: Mapping[str, Table]) -> Reference | None:
    """Return the reference without the columns that are not shown; None when nothing is left of it."""
    table, other = tables.get(reference.table), tables.get(reference.other)
    pairs = [
        (own, its)
        for own, its in zip(reference.columns, reference.other_columns, strict=True)
        if table and other and table.column(own) and other.column(its)
    ]
    if not pairs:
        return None
    columns, others = zip(*pairs, strict=True)
    return replace(reference, columns=columns, other_columns=others)


def _foreign_keys(addresses: Mapping[Declared, str]) -> Iterator[Reference]:
    for table, address in addresses.items():
        for key in sorted(table.foreign_key_constraints, key=lambda key: [column.name for column in key.columns]):
            try:
                others = [element.column for element in key.elements]
            except NoReferenceError:  # to a table of somebody else's metadata
                continue
            other = addresses.get(others[0].table)
            if other is not None:
                yield Reference(address, tuple(key.column_keys), other, tuple(column.name for column in others))


def _joined(table: Table, references: Iterable[Reference]) -> Table:
    own = tuple(reference for reference in references if reference.table == table.address)
    others = tuple(reference for reference in references if reference.other == table.address)
    return replace(table, references=own, referenced=others)


def _missing(declared: Mapping[_Name, Declared], tables: Mapping[_Name, Table]) -> Iterator[str]:
    for name, table in declared.items():
        if name not in tables:
            yield table.fullname
        else:
            yield from (f"{table.fullname}.{column}" for column in tables[name].absent)
