"""What sqlacodegen writes of a database's tables, with what it leaves out or cannot write put right first.

SQLAlchemy and sqlacodegen know many types, but not all: a column whose type they have no class for gets one that the
module itself defines, and which is PostgreSQL's own name of the type.
"""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from collections.abc import Collection
from keyword import iskeyword
from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    DefaultClause,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOMAIN
from sqlalchemy.sql.sqltypes import NullType
from sqlalchemy.types import TypeEngine, UserDefinedType

from fairlead.errors import OperatorError
from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Catalogue, Key, Kind
from fairlead.toolkit.plugin.sequences import serial_name
from fairlead.toolkit.target import Target

_PARTITIONS: Final = text("""
    select c.relname, pg_get_partkeydef(c.oid), c.relispartition from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = :schema and (c.relkind = 'p' or c.relispartition)
""")
_REFLECTIONS_OWN: Final = re.compile(r"'postgresql_ignore_search_path': False,?\s*")  # how it was found, not what it is


class Named(UserDefinedType[Any]):
    """A type that SQLAlchemy has no class for, by the name that PostgreSQL knows it by."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_options: Any) -> str:
        """Return the name."""
        return self.name


NAMED: Final = inspect.getsource(Named).strip()  # for the module that is written


def generated(connection: Connection, place: Target, found: Catalogue, *, named: Collection[Key] = ()) -> str:
    """Return the models of the tables as Python, without anything around them.

    The columns `named` get their type by its name, since what SQLAlchemy makes of it is another one.

    Raises OperatorError when the extra `toolkit` is not installed.
    """
    try:
        generators = importlib.import_module("sqlacodegen.generators")
    except ImportError as error:
        raise OperatorError("Models are written by sqlacodegen: pip install 'fairlead[toolkit]'.") from error
    metadata = MetaData()
    connection.exec_driver_sql(f"set search_path = {DEFAULT_SCHEMA}")  # what is in it is named without a schema
    connection.dialect.default_schema_name = DEFAULT_SCHEMA
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what reflection leaves out, which the comparison finds
        for schema in place.schemas or (DEFAULT_SCHEMA,):
            _reflect(connection, metadata, schema, place)
        for table in metadata.tables.values():
            _prepared(table, found, named)
        written = _generator(generators)(
            metadata, connection.engine, ["include_dialect_options", "nosyntheticenums", "nojoined"]
        ).generate()
    return _REFLECTIONS_OWN.sub("", str(written))


def _reflect(connection: Connection, metadata: MetaData, schema: str, place: Target) -> None:
    """Reflect the tables of a schema; a partition is part of its table, and comes as DDL."""
    rows = connection.execute(_PARTITIONS, {"schema": schema}).all()
    partitions = {name for name, _, is_partition in rows if is_partition}

    def wanted(name: str, _metadata: Any) -> bool:
        noted = name == place.version_table and (place.version_schema or schema) == schema
        return not noted and name not in partitions

    own = None if schema == DEFAULT_SCHEMA else schema
    metadata.reflect(connection, own, views=False, only=wanted)
    for name, key, is_partition in rows:
        table = metadata.tables.get(f"{own}.{name}" if own else name)
        if key and not is_partition and table is not None:
            table.dialect_kwargs["postgresql_partition_by"] = key
    connection.rollback()


def _prepared(table: Table, found: Catalogue, named: Collection[Key]) -> None:
    """Leave out what sqlacodegen writes wrongly, so that it comes as DDL, and name the types that it does not know."""
    table.indexes = {index for index in table.indexes if all(isinstance(each, Column) for each in index.expressions)}
    table.constraints = {each for each in table.constraints if not _counts_nulls(each)}
    if "postgresql_inherits" in list(table.dialect_kwargs):  # which has them all when it is asked for one
        del table.dialect_options["postgresql"]["inherits"]
    for column in table.columns:
        key = key_of(column)
        if key not in found:
            continue
        if key in named or _is_unknown(column.type):
            column.type = Named(found[key].facts["type"])
        if "default" not in found[key].facts and isinstance(column.server_default, DefaultClause):
            column.server_default = None  # its domain's
        column.nullable = found[key].facts["nullable"]


def key_of(column: Column[Any]) -> Key:
    """Return what a column is found by in the catalogue."""
    return Key(Kind.COLUMN, column.table.schema or DEFAULT_SCHEMA, column.table.name, column.name)


def _counts_nulls(constraint: Any) -> bool:
    options = constraint.dialect_options["postgresql"] if isinstance(constraint, UniqueConstraint) else {}
    return bool(options.get("nulls_not_distinct"))


def _is_unknown(kind: TypeEngine[Any]) -> bool:
    return isinstance(kind, NullType | DOMAIN) or (isinstance(kind, ARRAY) and _is_unknown(kind.item_type))


def _own_sequence(column: Column[Any]) -> DefaultClause | None:
    """Return the default of a column that draws from a sequence which SERIAL would not make."""
    default = column.server_default
    if not isinstance(default, DefaultClause) or not str(default.arg).startswith("nextval("):
        return None
    return None if serial_name(column.table.name, column.name) in str(default.arg) else default


def _is_natural_key(column: Column[Any]) -> bool:
    """Tell whether SQLAlchemy would make a SERIAL of a key that is only a number."""
    alone = column.primary_key and len(column.table.primary_key) == 1
    return alone and column.autoincrement is not True and column.server_default is None and column.default is None


def _class_name(enum: str) -> str:
    """Return what the class of an enum is called; its name may be none that a class can have."""
    name = "".join(part.capitalize() for part in re.split(r"[\W_]+", enum))
    return name if name.isidentifier() and not iskeyword(name) else f"Enum{name}"


def _generator(generators: Any) -> Any:
    """Return the class that writes the models."""

    class Generator(generators.DeclarativeGenerator):  # type: ignore[misc]  # it may be missing
        natural = False  # whether the column at work is such a key
        _enum_name_to_class_name = staticmethod(_class_name)

        def fix_column_types(self, table: Table) -> None:
            checks = {each for each in table.constraints if isinstance(each, CheckConstraint)}
            drawn = {column: default for column in table.columns if (default := _own_sequence(column))}
            table.constraints -= checks  # of some it would make a Boolean
            super().fix_column_types(table)
            table.constraints |= checks
            for column, default in drawn.items():
                column.default, column.server_default, column.autoincrement = None, default, False

        def add_import(self, obj: Any) -> None:
            if not isinstance(obj, Named):
                super().add_import(obj)

        def render_column_type(self, column: Column[Any]) -> str:
            kind = column.type
            return f"Named({kind.name!r})" if isinstance(kind, Named) else str(super().render_column_type(column))

        def render_column(self, column: Column[Any], *options: Any, **more: Any) -> str:
            self.natural = _is_natural_key(column) and isinstance(column.type, Integer)
            return str(super().render_column(column, *options, **more))

        def render_column_callable(self, *options: Any, **more: Any) -> str:
            return str(
                super().render_column_callable(*options, **more, **({"autoincrement": False} if self.natural else {}))
            )

    return Generator
