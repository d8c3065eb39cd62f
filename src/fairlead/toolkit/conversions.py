"""What becomes of a column's values when it gets another type: tried on a copy of the column.

Without rows it shows whether PostgreSQL has a conversion at all. With values that tell much of their type, one at a
time, it shows whether each comes through as it was, is changed without a word, or is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from alembic.operations import ops
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError

from fairlead.errors import MigrationFailed
from fairlead.toolkit.beside import retyped
from fairlead.toolkit.catalogue import Kind
from fairlead.toolkit.change import Action
from fairlead.toolkit.compared import Shadow
from fairlead.toolkit.environment import first_line
from fairlead.toolkit.hints import ValueNeeded
from fairlead.toolkit.naming import for_driver, literal, path_of, quoted
from fairlead.toolkit.operations import statements, type_change
from fairlead.toolkit.plugin.operation import CatalogueOp

Operations: TypeAlias = Collection[ops.MigrateOperation]


@dataclass(frozen=True, slots=True)
class Retyping:
    """A column of `place` that gets another type by a statement; `using` is what that says of the conversion."""

    place: tuple[str | None, str, str]
    statement: str
    using: str = ""

    @property
    def name(self) -> str:
        """The column as people name it."""
        return path_of(*self.place)

    @property
    def wanted(self) -> str:
        """The type that it gets."""
        told = re.split(r"(?i) type ", self.statement)[-1].partition(" COLLATE ")[0].partition(" collate ")[0]
        return told if '"' in told else told.lower()

    def on_copy(self, *, whole: bool) -> str:
        """Return the statement for the copy of the column."""
        table = quoted(*self.place[:2])
        return (self.statement + (self.using if whole else "")).replace(f" {table} ", f" pg_temp.{_COPY} ", 1)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A column whose new type does not keep every value: one that it may have now, and what becomes of that."""

    column: str
    wanted: str
    value: str
    becomes: str | None  # None: the change is refused while a row has such a value


def impossible(shadow: Shadow, operations: Operations, casts: Collection[str]) -> Iterator[ValueNeeded]:
    """Yield the columns whose new type PostgreSQL does not make of the old one by itself."""
    made = tuple(_new_types(operations))
    for one in _retypings(operations, shadow.target.metadata):
        if one.name not in casts and not _can(shadow, one, made):
            example = f"{quoted(one.place[2])}::{one.wanted}"
            yield ValueNeeded("cast", one.place, "PostgreSQL does not convert it by itself.", example)


def narrowings(shadow: Shadow, operations: Operations, casts: Collection[str]) -> Iterator[Narrowing]:
    """Yield the columns that are changed or refused by their new type; not those that a person said how to convert."""
    made = tuple(_new_types(operations))
    for one in _retypings(operations, shadow.target.metadata):
        if one.name not in casts:
            found = _narrowings(shadow, one, made)
            changed = [narrowing for narrowing in found if narrowing.becomes is not None]
            yield from (changed or found)[:1]


def comparable(expression: str, kind: str) -> str:
    """Return an expression of a type as one that can be compared: some types have no equality."""
    name, array = kind.removesuffix("[]"), "[]" * kind.endswith("[]")
    return f"cast({expression} as {_COMPARED[name]}{array})" if name in _COMPARED else expression


_COMPARED: Final = {"json": "jsonb", "xml": "text", "point": "text", "polygon": "text"}


def _retypings(operations: Operations, metadata: MetaData) -> Iterator[Retyping]:
    for leaf in operations:
        if isinstance(leaf, ops.AlterColumnOp) and leaf.modify_type is not None:
            [change] = statements(type_change(leaf), metadata)
            yield Retyping((leaf.schema, leaf.table_name, leaf.column_name), change)
        elif isinstance(leaf, CatalogueOp) and (changed := retyped(leaf)):
            before, using, usual = changed.partition(" using ")
            yield Retyping((leaf.schema, leaf.table_name, leaf.change.name), before, using + usual)


def _new_types(operations: Iterable[ops.MigrateOperation]) -> Iterator[str]:
    for leaf in operations:
        if isinstance(leaf, CatalogueOp) and leaf.change.action is Action.ADD and leaf.change.kind in _TYPES:
            yield from leaf.statements


_TYPES: Final = {Kind.SCHEMA, Kind.EXTENSION, Kind.ENUM, Kind.COMPOSITE, Kind.RANGE, Kind.DOMAIN}
_COPY: Final = "fairlead_attempt"
_NO_CAST: Final = {"42804", "42846"}  # datatype_mismatch, cannot_coerce


def _copied(one: Retyping) -> str:
    """Return what copies the column, without values, a default and what is built on it."""
    table, name = quoted(*one.place[:2]), quoted(one.place[2])
    return f"create temporary table {_COPY} on commit drop as select {name} from {table} with no data"  # noqa: S608 - quoted names


def _can(shadow: Shadow, one: Retyping, made: tuple[str, ...]) -> bool:
    """Try the change without values; raises MigrationFailed for what is wrong otherwise."""
    try:
        with shadow.owned() as attempt:
            for statement in (_copied(one), *made, one.on_copy(whole=False)):
                shadow.connection.exec_driver_sql(for_driver(statement))
            attempt.rollback()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") in _NO_CAST:
            return False
        told = {"statement": one.statement}
        raise MigrationFailed(f"{first_line(error)}. Nothing was changed.", details=told) from error
    return True


def _narrowings(shadow: Shadow, one: Retyping, made: tuple[str, ...]) -> list[Narrowing]:
    with shadow.owned() as attempt:
        present, samples = _samples(shadow.connection, one)
        for statement in (_copied(one), *made):
            shadow.connection.exec_driver_sql(for_driver(statement))
        tried = [_tried(shadow.connection, one, present, sample=sample) for sample in samples]
        attempt.rollback()
    return [narrowing for narrowing in tried if narrowing is not None]


def _tried(connection: Connection, one: Retyping, present: str, *, sample: str) -> Narrowing | None:
    """Convert one value and back; None for what comes back as it was, or is no value of the old type.

    Where there is no way back at all it has to be written as before.
    """
    name, told = quoted(one.place[2]), list[str]()
    savepoint = connection.begin_nested()
    try:
        told.append(_told(connection, f"insert into pg_temp.{_COPY} values ({sample}) returning {name}::text"))  # noqa: S608 - same
        connection.exec_driver_sql(for_driver(one.on_copy(whole=True)))
        told.append(_told(connection, f"select {name}::text from pg_temp.{_COPY}"))  # noqa: S608 - quoted names
        told.append(_told(connection, f"select {name}::{present}::text from pg_temp.{_COPY}"))  # noqa: S608 - same
    except DBAPIError as error:
        if not told:
            return None
        told += told[1:] if getattr(error.orig, "sqlstate", "") in _NO_CAST else []
    finally:
        savepoint.rollback()
    value, *converted = told
    if converted[1:] == [value]:
        return None
    return Narrowing(one.name, one.wanted, value, converted[0] if converted else None)


def _told(connection: Connection, query: str) -> str:
    return str(connection.exec_driver_sql(for_driver(query)).scalar_one())


def _samples(connection: Connection, one: Retyping) -> tuple[str, list[str]]:
    """Return the type that the column has, and values of it that a narrower one has no room for, as SQL."""
    place = {"table": quoted(*one.place[:2]), "column": one.place[2]}
    present, base, labels, is_array = connection.execute(_TYPE, place).one()
    values = [*labels, *_TELLING.get(base, ())]
    if digits := _DIGITS.fullmatch(present.removesuffix("[]")):
        before, behind = max(int(digits[1]) - int(digits[2]), 0), int(digits[2])
        values.append(f"{'9' * before or '0'}.{'9' * behind}")
    written = (f"array[{literal(value)}]" if is_array else literal(value) for value in values)
    return present, [f"cast({value} as {present})" for value in written]


_TYPE: Final = text("""
    select format_type(a.atttypid, a.atttypmod),
        format_type(coalesce(nullif(t.typbasetype, 0), t.oid), null),
        array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder limit 100),
        t.oid <> a.atttypid
    from pg_attribute a join pg_type own on own.oid = a.atttypid
    join pg_type t on t.oid = case when own.typcategory = 'A' then own.typelem else own.oid end
    where a.attrelid = to_regclass(:table) and a.attname = :column
""")
_DIGITS: Final = re.compile(r"numeric\((\d+),(\d+)\)")
_WORD, _TIME = ("a ", "x" * 1000), ("2001-02-03 04:05:06.789012+00",)
_TELLING: Final = {
    "smallint": ("32767",),
    "integer": ("2147483647",),
    "bigint": ("9007199254740993", "9223372036854775807"),
    "numeric": ("1.23456789", "123456789012345678901234567890.123456789"),
    "real": ("1.2345678", "1e30"),
    "double precision": ("1.2345678901234567", "1e300"),
    "money": ("1.23",),
    "text": _WORD,
    "character varying": _WORD,
    "character": _WORD,
    "citext": _WORD,
    "date": ("2001-02-03",),
    "timestamp without time zone": _TIME,
    "timestamp with time zone": _TIME,
    "time without time zone": ("04:05:06.789012",),
    "time with time zone": ("04:05:06.789012+00",),
    "interval": ("1 year 2 days 03:04:05.678901",),
    "boolean": ("true",),
    "bytea": (r"\x01ff",),
    "uuid": ("01234567-89ab-cdef-0123-456789abcdef",),
    "json": ('{"a": 1}',),
    "jsonb": ('{"a": 1}',),
    "inet": ("10.1.2.3/8",),
    "macaddr8": ("01:02:03:04:05:06:07:08",),
}
