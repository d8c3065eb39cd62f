"""Values for rows that have none: filled in batches while others write, or a stand-in where a downgrade cannot know."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, types
from sqlalchemy.dialects import postgresql

from fairlead.toolkit.naming import split

_PAGES: Final = 500  # of a table, in one transaction: some ten thousand rows

_FILL: Final = """DO $fill$
declare
    page bigint := 0;
begin
    if pg_relation_size('{name}') > 0 and row_security_active('{name}') then
        raise exception 'Row-level security hides rows of {told} from %', current_user
            using hint = 'Let a login with BYPASSRLS migrate.';
    end if;
    while page <= pg_relation_size('{name}') / current_setting('block_size')::bigint loop
        update {table} set {column} = {value}
        where {column} is null and ctid >= format('(%s,0)', page)::tid and ctid < format('(%s,0)', page + {pages})::tid;
        commit;
        page := page + {pages};
    end loop;
end $fill$"""


# The rows of a partitioned table are in its partitions, whose pages are counted one by one.
_FILL_EACH: Final = """DO $fill$
declare
    part regclass;
    page bigint;
begin
    for part in
        select relid from pg_partition_tree('{name}') join pg_class c on c.oid = relid
        where isleaf and c.relkind = 'r'
    loop
        page := 0;
        if pg_relation_size(part) > 0 and (row_security_active('{name}') or row_security_active(part)) then
            raise exception 'Row-level security hides rows of % from %', part, current_user
                using hint = 'Let a login with BYPASSRLS migrate.';
        end if;
        while page <= pg_relation_size(part) / current_setting('block_size')::bigint loop
            execute format($batch$
                update %s as {alias} set {column} = {value} where {column} is null and ctid >= $1 and ctid < $2
            $batch$, part) using format('(%s,0)', page)::tid, format('(%s,0)', page + {pages})::tid;
            commit;
            page := page + {pages};
        end loop;
    end loop;
end $fill$"""


def fill_statement(table: str, column: str, value: str, *, partitioned: bool = False) -> str:
    """Return the statement that gives the empty rows their value, a batch a transaction; it may be run again.

    Names come quoted. It walks the table once, so a `value` that is null for a row does not keep it from ending, and it
    refuses to work where row-level security would hide rows from it.
    """
    name = table.replace("'", "''")
    told = name.replace("%", "%%")  # RAISE has places of its own
    if partitioned:
        column, value = column.replace("%", "%%"), value.replace("%", "%%")  # and so has FORMAT
        alias = split(table)[-1].replace("%", "%%")
        return _FILL_EACH.format(name=name, alias=alias, column=column, value=value, pages=_PAGES)
    return _FILL.format(name=name, told=told, table=table, column=column, value=value, pages=_PAGES)


def has_to_be_given(column: Column[Any]) -> bool:
    """Say whether each row has to be given a value for the column, which nothing gives by itself."""
    return not (column.nullable or column.server_default is not None or column.computed or column.identity)


_STAND_INS: Final[tuple[tuple[Any, str], ...]] = (
    (types.Enum, ""),
    (types.String, "''"),
    (types.Boolean, "false"),
    (types.Integer, "0"),
    (types.Numeric, "0"),
    (types.Float, "0"),
    (types.DateTime, "'epoch'"),
    (types.Date, "'epoch'"),
    (types.Interval, "'0'"),
    (types.JSON, "'{}'"),
    (types.ARRAY, "'{}'"),
    (postgresql.BYTEA, "''"),
    (types.Uuid, "'00000000-0000-0000-0000-000000000000'"),
)


def stand_in(column_type: types.TypeEngine[Any]) -> str | None:
    """Return a value of the type that stands for one that is gone, as SQL; None when there is none to think of."""
    if isinstance(column_type, types.Enum):
        return f"'{column_type.enums[0]}'" if column_type.enums else None
    return next((value for kind, value in _STAND_INS if isinstance(column_type, kind)), None)
