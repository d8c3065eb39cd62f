"""What a revision throws away when it is run on a database as it is now: tables, columns and rows, with how many.

It is read from the statements, since a production login need not be able to make a throw-away database. A statement
that cannot be read (a DO block, a call) is named as one that nobody can judge beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from fairlead.db.migrating.wording import bare
from fairlead.toolkit.conversions import comparable
from fairlead.toolkit.naming import NAME, PATH

_COUNTED: Final = 100_000  # rows; beyond it the server's estimate is told
_GONE: Final = re.compile(
    rf"drop\s+(?P<kind>table|materialized\s+view|sequence|schema)\s+(?:if\s+exists\s+)?(?P<names>{PATH}(?:\s*,\s*{PATH})*)",
    re.IGNORECASE,
)
_EMPTIED: Final = re.compile(rf"(?:truncate(?:\s+table)?|delete\s+from)\s+(?:only\s+)?(?P<names>{PATH})", re.IGNORECASE)
_ALTERED: Final = re.compile(
    rf"alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(?P<table>{PATH})\s+(?P<actions>.+)", re.IGNORECASE | re.DOTALL
)
_COLUMN_GONE: Final = re.compile(
    rf"\bdrop\s+(?!constraint\b|default\b|not\b|expression\b|identity\b)(?:column\s+)?(?:if\s+exists\s+)?(?P<name>{NAME})",
    re.IGNORECASE,
)
_RETYPED: Final = re.compile(
    rf"\balter\s+(?:column\s+)?(?P<name>{NAME})\s+(?:set\s+data\s+)?type\s+(?P<type>(?:[^,;()]|\([^)]*\))+?)\s*"
    r"(?:\bcollate\s+\S+\s*)?(?:\busing\s+(?P<using>[^;]+)|$|,|;)",
    re.IGNORECASE,
)
_ENUM: Final = re.compile(rf"create\s+type\s+(?P<name>{PATH})\s+as\s+enum\s*\((?P<values>.*)\)\s*;?\s*$", re.IGNORECASE)
# What every value of the old type fits into.
_WIDER: Final = {
    "smallint": {"int", "integer", "int4", "bigint", "int8", "numeric"},
    "integer": {"bigint", "int8", "numeric"},
    "bigint": {"numeric"},
    "real": {"double precision", "float8"},
}
_TYPE_OF: Final = """
select format_type(atttypid, null) from pg_attribute where attrelid = to_regclass(%s) and attname = %s
"""
_FOUND_BY: Final = {"sequence": "to_regclass", "schema": "to_regnamespace"}
_OPAQUE: Final = re.compile(r"(?:do(?! \$fill\$)|call)\b", re.IGNORECASE)  # what `backfill.py` writes is known
# What was never analyzed has no estimate but the one of the statistics; a partitioned table is the sum of its leaves.
_ESTIMATE: Final = """
select coalesce(sum(case when c.reltuples >= 0 then c.reltuples else pg_stat_get_live_tuples(c.oid) end), 0)::bigint,
    coalesce(sum(pg_relation_size(c.oid)), 0) > 0
from (select relid from pg_partition_tree(to_regclass(%(table)s)) where isleaf
    union select to_regclass(%(table)s)) as leaves
join pg_class c on c.oid = leaves.relid and c.relkind in ('r', 'm')
"""


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that is thrown away: what, how many rows have it (None: nobody can tell), and by which statement."""

    what: str
    rows: int | None
    is_estimate: bool
    statement: str

    @property
    def sentence(self) -> str:
        """It, for people."""
        if self.rows is None:
            return self.what
        return f"{self.what}: {'about ' if self.is_estimate else ''}{self.rows:,} row(s)"


@dataclass(frozen=True, slots=True)
class _Target:
    what: str
    table: str | None
    named: tuple[str, str] | None = None  # what has no rows: the function that finds it, and its name
    column: str | None = None
    new_type: str | None = None
    using: str | None = None  # the expression that makes the new value
    values: str | None = None  # of the enum that the new type is made as, in SQL


def losses(statements: Iterable[str], driver: psycopg.Connection[tuple[Any, ...]]) -> list[Loss]:
    """Return what the statements throw away of what is in the database; the connection commits by itself."""
    sent = [bare(statement) for statement in statements]
    enums = {made["name"].lower(): made["values"] for made in map(_ENUM.match, sent) if made}
    found = [(target, statement) for statement in sent for target in _targets(statement, enums)]
    told = (
        Loss(target.what, *_rows(driver, target), statement) for target, statement in found if _is_there(driver, target)
    )
    return [loss for loss in told if loss.rows != 0 or loss.is_estimate]


def _targets(statement: str, enums: Mapping[str, str]) -> Iterator[_Target]:
    if _OPAQUE.match(statement):
        yield _Target("whatever this block does, which cannot be told beforehand", None)
    elif gone := _GONE.match(statement):
        kind = " ".join(gone["kind"].lower().split())
        for name in map(str.strip, gone["names"].split(",")):
            found_by = _FOUND_BY.get(kind)
            yield _Target(f"{kind} {name}", None if found_by else name, (found_by, name) if found_by else None)
    elif emptied := _EMPTIED.match(statement):
        yield _Target(f"rows of {emptied['names']}", emptied["names"])
    elif altered := _ALTERED.match(statement):
        for column in _COLUMN_GONE.finditer(altered["actions"]):
            yield _Target(f"column {altered['table']}.{column['name']}", altered["table"], column=column["name"])
        for column in _RETYPED.finditer(altered["actions"]):
            what = f"what of {altered['table']}.{column['name']} does not fit its new type"
            new_type = " ".join(column["type"].split())
            values = enums.get(new_type.lower().removesuffix("[]"))
            yield _Target(what, altered["table"], None, column["name"], new_type, column["using"], values)


def _is_there(driver: psycopg.Connection[tuple[Any, ...]], target: _Target) -> bool:
    """Whether there is anything to lose: what a later step back drops may be gone already, or not be there yet."""
    if target.named is not None:
        query = f"select {target.named[0]}(%s) is not null"
        return driver.execute(query.encode(), [target.named[1]]).fetchone() == (True,)
    if target.table is None:
        return True
    if target.column is not None:
        row = driver.execute(_TYPE_OF, [target.table, target.column.strip('"')]).fetchone()
        wanted = (target.new_type or "").lower()
        return row is not None and wanted != "text" and wanted not in _WIDER.get(row[0], set())
    return driver.execute("select to_regclass(%s) is not null", [target.table]).fetchone() == (True,)


def rows_of(driver: psycopg.Connection[tuple[Any, ...]], table: str) -> tuple[int | None, bool]:
    """Return how many rows a table has, and whether that is an estimate."""
    return _rows(driver, _Target("", table))


def _rows(driver: psycopg.Connection[tuple[Any, ...]], target: _Target) -> tuple[int | None, bool]:
    """Return how many rows have it, and whether that is an estimate."""
    if target.table is None:
        return None, False
    for having in _conditions(driver, target):
        if (rows := _counted(driver, target.table, having)) is not None:
            return rows, False
    estimate = driver.execute(_ESTIMATE, {"table": target.table}).fetchone()
    if estimate is None:
        return None, True
    return (int(estimate[0]), True) if estimate[1] else (0, False)  # without a page there is no row


def _conditions(driver: psycopg.Connection[tuple[Any, ...]], target: _Target) -> Iterator[str]:
    """Yield what a row has that loses something; one that cannot be asked is followed by a coarser one."""
    if target.column is None:
        yield "true"
        return
    there = f"{target.column} is not null"
    if target.values is not None:
        values = f"array[{target.values}]"
        array = str(target.new_type).endswith("[]")
        yield f"not {target.column}::text[] <@ {values}" if array else f"{target.column}::text <> all ({values})"
    elif target.new_type is not None:
        row = driver.execute(_TYPE_OF, [target.table, target.column.strip('"')]).fetchone()
        wanted = f"cast({target.using or target.column} as {target.new_type})"
        present = row[0] if row else str(target.new_type)
        before, back = (comparable(one, present) for one in (target.column, f"cast({wanted} as {present})"))
        yield f"{there} and {before} is distinct from {back}"
    yield there


def _counted(driver: psycopg.Connection[tuple[Any, ...]], table: str, having: str) -> int | None:
    """Return how many rows are like that; None where that cannot be told, or there are very many."""
    query = f"select count(*) from (select 1 from {table} where {having} limit {_COUNTED + 1}) as counted"  # noqa: S608 - names as the revision writes them
    try:
        with driver.transaction():
            driver.execute("set local row_security = off")  # fail rather than count what this login may see
            driver.execute("set local statement_timeout = '5s'")
            row = driver.execute(query.encode()).fetchone()
    except psycopg.Error:
        return None
    return int(row[0]) if row is not None and row[0] <= _COUNTED else None
