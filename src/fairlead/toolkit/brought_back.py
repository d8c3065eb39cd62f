"""NOT NULL columns that a way back makes again, read from its statements: what rows get in them, or why they cannot.

What was in such a column went when it was dropped. Where a default is set only to be taken off at once, that is what
every row gets; where there is none, PostgreSQL refuses a table with rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from fairlead.db.migrating.wording import bare
from fairlead.toolkit.losses import Loss, rows_of
from fairlead.toolkit.naming import NAME, PATH, split

_ADDED: Final = re.compile(
    rf"alter\s+table\s+(?P<table>{PATH})\s+add\s+column\s+(?:if\s+not\s+exists\s+)?(?P<name>{NAME})\s+"
    rf"(?P<type>.+?)(?:\s+default\s+(?P<value>.+))?\s+not\s+null\s*$",
    re.IGNORECASE | re.DOTALL,
)
_WITHOUT_DEFAULT: Final = re.compile(
    rf"alter\s+table\s+(?P<table>{PATH})\s+alter\s+(?:column\s+)?(?P<name>{NAME})\s+drop\s+default\s*$", re.IGNORECASE
)
_BY_ITSELF: Final = re.compile(r"\bgenerated\b|\b(?:small|big)?serial\b", re.IGNORECASE)
_HAS_DEFAULT: Final = "select exists (select from pg_type where oid = to_regtype(%s) and typdefault is not null)"


@dataclass(frozen=True, slots=True)
class _Column:
    table: str
    name: str
    type: str
    value: str | None
    statement: str

    @property
    def path(self) -> str:
        return f"{self.table}.{self.name}"


def invented(statements: Iterable[str], driver: psycopg.Connection[tuple[Any, ...]]) -> list[Loss]:
    """Return the columns that come back with the same value for every row, as losses: what was there is gone."""
    found = [
        Loss(f"the values of {column.path}, in whose place each row gets {column.value}", *told, column.statement)
        for column in _columns(statements)
        if column.value is not None and (told := _rows(driver, column)) is not None
    ]
    return [loss for loss in found if loss.rows != 0]


def impossible(statements: Iterable[str], driver: psycopg.Connection[tuple[Any, ...]]) -> list[str]:
    """Return the columns that cannot come back, since their tables have rows."""
    return [
        column.path
        for column in _columns(statements)
        if column.value is None and not _gets_one(driver, column) and (_rows(driver, column) or (0, True))[0] != 0
    ]


def _columns(statements: Iterable[str]) -> Iterator[_Column]:
    """Yield the columns that every row is to have something in, unless a default that stays gives it."""
    sent = [bare(statement).rstrip(";") for statement in statements]
    taken_off = {(found["table"], found["name"]) for found in map(_WITHOUT_DEFAULT.match, sent) if found}
    for statement in sent:
        added = _ADDED.match(statement)
        if added is None or _BY_ITSELF.search(added["type"]):
            continue
        if added["value"] is None or (added["table"], added["name"]) in taken_off:
            yield _Column(added["table"], added["name"], added["type"], added["value"], statement)


def _gets_one(driver: psycopg.Connection[tuple[Any, ...]], column: _Column) -> bool:
    """Tell whether its type is a domain that has a default."""
    if ".".join(split(column.type)) != column.type:
        return False
    return driver.execute(_HAS_DEFAULT.encode(), [column.type]).fetchone() == (True,)


def _rows(driver: psycopg.Connection[tuple[Any, ...]], column: _Column) -> tuple[int | None, bool] | None:
    """Return how many rows the table has; None where it is not there yet."""
    there = driver.execute("select to_regclass(%s) is not null", [column.table]).fetchone() == (True,)
    return rows_of(driver, column.table) if there else None
