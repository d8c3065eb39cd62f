"""What of a table that is made, or that goes, as a whole has an operation of its own.

The types of its columns are there before. A check without a name, or of a table that comes back, comes after, and
so does a foreign key of tables that refer to each other, of which none could be made first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Boolean, CheckConstraint, Column, Constraint, Enum, ForeignKeyConstraint
from sqlalchemy.dialects.postgresql import ARRAY, DOMAIN, ENUM
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from fairlead.toolkit.naming import key_of


def circles(operations: Iterable[MigrateOperation]) -> set[Constraint]:
    """Return the foreign keys of tables that are made, or that go, together and refer to each other."""
    everything = list(operations)
    apart = set[Constraint]()
    for kind in (ops.CreateTableOp, ops.DropTableOp):
        keys = {
            key_of(one.schema, one.table_name): list(_foreign_keys(one)) for one in everything if isinstance(one, kind)
        }
        bound = _bound(keys)
        apart.update(key for name in bound for key in keys[name] if _referred(key) in bound - {name})
        apart.update(key for own in keys.values() for key in own if key.use_alter)
    return apart


def _bound(keys: Mapping[str, list[ForeignKeyConstraint]]) -> set[str]:
    """Return the tables that stay when each is taken away that refers to no other there is, or that none refers to."""
    refers = {name: {_referred(key) for key in own} & keys.keys() - {name} for name, own in keys.items()}
    while free := {name for name, others in refers.items() if not others or name not in set().union(*refers.values())}:
        refers = {name: others - free for name, others in refers.items() if name not in free}
    return set(refers)


def _foreign_keys(operation: MigrateOperation) -> Iterator[ForeignKeyConstraint]:
    yield from (item for item in made_by(operation).columns if isinstance(item, ForeignKeyConstraint))


def _referred(key: ForeignKeyConstraint) -> str:
    return key.elements[0].target_fullname.rpartition(".")[0]


def made_by(operation: Any) -> ops.CreateTableOp:
    """Return what makes the table that an operation is about, now or on the way back."""
    made = operation if isinstance(operation, ops.CreateTableOp) else operation._reverse  # noqa: SLF001 - what `reverse` gives back
    assert isinstance(made, ops.CreateTableOp)  # noqa: S101 - a comparison reflects what it drops
    return made


def leave_alone(operation: Any, apart: Collection[Constraint]) -> None:
    """Keep a table or a column from making what has an operation of its own."""
    if isinstance(operation, ops.DropTableOp | ops.DropColumnOp) and operation._reverse is not None:  # noqa: SLF001 - what `reverse` gives back
        leave_alone(operation._reverse, {*apart, *_reflected_checks(operation._reverse)})  # noqa: SLF001 - same
    if isinstance(operation, ops.CreateTableOp):
        operation.columns = [_bare(item) for item in operation.columns if not _comes_after(item, apart)]
    if isinstance(operation, ops.AddColumnOp):
        operation.column = _bare(operation.column)


def _reflected_checks(made: Any) -> Iterator[Constraint]:
    """Yield the checks of a table that goes, whose parentheses reflection leaves out; the catalogue has them."""
    if isinstance(made, ops.CreateTableOp):
        yield from (item for item in made.columns if isinstance(item, CheckConstraint))


def _comes_after(item: SchemaItem, apart: Collection[Constraint]) -> bool:
    of_a_type = getattr(item, "_type_bound", False)
    return item in apart or (isinstance(item, CheckConstraint) and (item.name is None or of_a_type))


def _bare(item: Any) -> Any:
    """Return a column without them; the model's own stays as it is. Alembic's files have no check at a column."""
    if not isinstance(item, Column):
        return item
    copy = item._copy()  # noqa: SLF001 - as Alembic does
    copy.constraints = {one for one in copy.constraints if not isinstance(one, CheckConstraint)}
    copy.type = _made_elsewhere(item.type)
    return copy


def _made_elsewhere(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return a type that makes neither itself nor a check with its table."""
    if isinstance(kind, Enum) and kind.native_enum:
        return ENUM(*kind.enums, name=kind.name, schema=kind.schema, create_type=False)
    if isinstance(kind, DOMAIN):
        return DOMAIN(str(kind.name), _made_elsewhere(kind.data_type), schema=kind.schema, create_type=False)
    if isinstance(kind, ARRAY):
        return ARRAY(_made_elsewhere(kind.item_type), dimensions=kind.dimensions)
    if isinstance(kind, Boolean | Enum) and kind.create_constraint:
        copy: Any = kind.copy()  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
        copy.create_constraint = False
        return cast("TypeEngine[Any]", copy)
    return kind
