"""The application's own triggers that a revision fires by what it does to rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from fairlead.toolkit.naming import NAME, PATH, unquoted

_UPDATES: Final = re.compile(
    rf"\bupdate\s+(?:only\s+)?(?P<table>{PATH})\s+set\s+(?P<column>{NAME})\s*="
    rf"|\bpg_partition_tree\('(?P<parted>{PATH})'\)[\s\S]*? set (?P<part>{NAME}) =",
    re.IGNORECASE,
)
# A trigger of a partitioned table is there once more on each partition; one for columns fires when one of them is set.
_FIRING: Final = """
select distinct t.tgname from pg_trigger t
where t.tgrelid in (select relid from pg_partition_tree(to_regclass(%(table)s)) union select to_regclass(%(table)s))
    and not t.tgisinternal and t.tgparentid = 0 and t.tgenabled in ('O', 'A') and t.tgtype & 16 <> 0
    and (t.tgattr = ''::int2vector or exists (
        select from pg_attribute a
        where a.attrelid = t.tgrelid and a.attnum = any (t.tgattr) and a.attname = any (%(columns)s)))
union all
select r.rulename from pg_rewrite r where r.ev_class = to_regclass(%(table)s) and r.ev_type = '2'
order by 1
"""


@dataclass(frozen=True, slots=True)
class Fired:
    """A table whose rows are updated, and the triggers and rules that this fires."""

    table: str
    triggers: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Name them for people."""
        return f"its trigger{'s' if len(self.triggers) > 1 else ''} {', '.join(self.triggers)}"


def fired(statements: Iterable[str], driver: psycopg.Connection[tuple[Any, ...]]) -> list[Fired]:
    """Return what the updates among the statements fire in the database as it is."""
    updated: dict[str, set[str]] = {}
    for statement in statements:
        for found in _UPDATES.finditer(statement):
            table, column = found["table"] or found["parted"], found["column"] or found["part"]
            updated.setdefault(table, set()).add(unquoted(column))
    named = (
        (table, driver.execute(_FIRING.encode(), {"table": table, "columns": sorted(columns)}).fetchall())
        for table, columns in updated.items()
    )
    return [Fired(table, tuple(name for (name,) in rows)) for table, rows in named if rows]
