"""Alembic's operations: walked one by one, and written as the statements they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

from alembic.operations import Operations, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Enum, ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.types import ARRAY, TypeDecorator

from fairlead.db.migrating.offline import keep_tabs


def flat(operations: Iterable[ops.MigrateOperation]) -> Iterator[ops.MigrateOperation]:
    """Yield each operation by itself, those of a table one after the other."""
    for operation in operations:
        if isinstance(operation, ops.OpContainer):
            yield from flat(operation.ops)
        else:
            yield operation


def statements(operation: ops.MigrateOperation, metadata: MetaData) -> list[str]:
    """Return what an operation does as SQL, one statement a string and without semicolons."""
    written: list[str] = []
    context = MigrationContext.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},  # others double each percent sign
        opts={"as_sql": True, "literal_binds": True, "target_metadata": metadata},
    )
    keep_tabs(context.impl)
    context.impl.static_output = written.append  # type: ignore[method-assign,assignment]  # one call is one statement
    Operations(context).invoke(_alone(operation))
    plain = (statement.removesuffix(context.impl.command_terminator).strip() for statement in written)
    # The type of a new column is an operation of its own.
    return [statement for statement in plain if not statement.startswith(("CREATE TYPE ", "CREATE DOMAIN "))]


def _alone(operation: ops.MigrateOperation) -> ops.MigrateOperation:
    """Return the operation without what a comparison lists beside it, and in an order that is always the same."""
    if isinstance(operation, ops.CreateTableOp):
        return _in_order(operation)
    if not isinstance(operation, ops.AddColumnOp):
        return operation
    column: Column[Any] = operation.column
    parts = [part._copy() for part in (column.computed, column.identity) if part is not None]  # noqa: SLF001 - Alembic does
    bare: Column[Any] = Column(
        column.name,
        column.type,
        *parts,
        nullable=column.nullable,
        server_default=None if parts else column.server_default,
        comment=column.comment,
    )
    return ops.AddColumnOp(operation.table_name, bare, schema=operation.schema, if_not_exists=operation.if_not_exists)


def _in_order(operation: ops.CreateTableOp) -> ops.CreateTableOp:
    """Return it with its constraints in order; a table keeps them as a set."""
    ordered = copy(operation)
    ordered.columns = sorted(operation.columns, key=_place_in_table)
    return ordered


def _place_in_table(part: Any) -> tuple[int, str]:
    kinds = (Column, PrimaryKeyConstraint, ForeignKeyConstraint, UniqueConstraint)
    rank = next((number for number, kind in enumerate(kinds) if isinstance(part, kind)), len(kinds))
    return rank, "" if rank == 0 else str(part.name)


def type_change(operation: ops.AlterColumnOp) -> ops.AlterColumnOp:
    """Return what changes a column's type, and nothing else."""
    return ops.AlterColumnOp(
        operation.table_name,
        operation.column_name,
        schema=operation.schema,
        modify_type=operation.modify_type,
        existing_type=operation.existing_type,
    )


def enum_of(column: Column[Any]) -> Enum | None:
    """Return the enum type of the database that a column has, in an array or as it is."""
    kind: Any = column.type
    while isinstance(kind, ARRAY | TypeDecorator):
        kind = kind.item_type if isinstance(kind, ARRAY) else kind.impl_instance
    return kind if isinstance(kind, Enum) and kind.native_enum and kind.name else None
