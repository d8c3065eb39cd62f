"""All operations of a difference, in an order that works: Alembic's that stand, and the plugin's for all the rest.

What hangs on something goes before it goes and comes after it came. Reversed, the order works for the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from alembic.operations import MigrateOperation, ops

from fairlead.toolkit.catalogue import Catalogue, Key, Kind, Thing
from fairlead.toolkit.change import Action, Change
from fairlead.toolkit.plugin import stock
from fairlead.toolkit.plugin.dependents import Order, in_the_way, places
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.plugin.placing import (
    CODE,
    ORDER,
    TABLES,
    TAKEN_OFF,
    Placed,
    catalogue_op,
    is_off,
    of_change,
    of_halves,
    of_index,
    of_type,
)
from fairlead.toolkit.plugin.remaking import is_of_another_type
from fairlead.toolkit.plugin.sequences import is_serial
from fairlead.toolkit.plugin.statements import steps

_REMADE_WITH_A_TYPE: Final = {Kind.VIEW, Kind.RULE, Kind.TRIGGER, Kind.POLICY}


def planned(
    operations: Sequence[MigrateOperation], changes: Sequence[Change], *, found: Catalogue, declared: Catalogue
) -> list[MigrateOperation]:
    """Return the operations that make the found the declared."""
    by_key = {change.key: change for change in changes}
    off = in_the_way(by_key, found, declared, parted=lambda change: _must_part(change, by_key))
    order = Order(places(found), places(declared))
    rest_by_key = {key: change for key, change in by_key.items() if key not in off}
    standing, covered = stock.kept(operations, rest_by_key)
    placed = [_place_of_stock(operation) for operation in standing]
    for key in sorted(off):
        placed.extend(of_halves(Change(key, found.get(key), declared.get(key)), order))
    for change in rest_by_key.values():
        rest = _rest(change, covered)
        if _goes_with_its_table(change, by_key):
            placed.append((TAKEN_OFF, -ORDER[change.kind], _only_back(change, covered)))
        elif _with_its_view(change, by_key, action=Action.REMOVE):
            placed.append((TAKEN_OFF, order.off(change), CatalogueOp(change, (), steps(None, change.found))))
        elif rest is None or _comes_with_its_column(change, by_key):
            continue
        elif change.kind is Kind.INDEX and _with_its_view(change, by_key, action=Action.ADD):
            placed.extend((CODE, order.on(change), operation) for *_, operation in of_index(change))
        elif change.action is Action.ALTER and (change.kind is Kind.ENUM or is_of_another_type(change)):
            absent = off | {one.key for one in by_key.values() if is_off(one)}
            placed.extend(of_type(change, found, declared, absent=absent))
        else:
            placed.extend(of_change(rest, order, by_key))
    placed.sort(key=lambda one: one[:2])
    return [operation for _, _, operation in placed if not _is_nothing(operation)]


def _goes_with_its_table(change: Change, changes: stock.Changes) -> bool:
    """Tell whether a thing is gone when its table is, so that it is only to be made again on the way back."""
    table = changes.get(Key(Kind.TABLE, change.schema, change.table, change.table))
    gone = table is not None and table.action is Action.REMOVE
    reflected = {Kind.COLUMN, Kind.CONSTRAINT, Kind.INDEX}  # what Alembic makes again, but for these:
    beyond = change.thing.facts.get("type") == "exclusion" or change.thing.as_inherited() is not None
    return gone and (change.kind not in reflected or beyond)


def _with_its_view(change: Change, changes: stock.Changes, *, action: Action) -> bool:
    """Tell whether a thing comes, or goes, with the view that it is on."""
    view = changes.get(Key(Kind.VIEW, change.schema, "", change.table)) if change.table else None
    return view is not None and view.action is action and change.action is action


def _only_back(change: Change, covered: stock.Covered) -> MigrateOperation:
    if change.kind is not Kind.TABLE or change.found is None:
        return CatalogueOp(change, (), steps(None, change.found))
    if change.key not in covered:
        return catalogue_op(change)
    bare = {
        fact: value for fact, value in change.found.facts.items() if fact in stock.MADE_WITH_A_TABLE or fact == "owner"
    }
    return CatalogueOp(change, (), steps(Thing(change.key, bare), change.found))


def _comes_with_its_column(change: Change, changes: stock.Changes) -> bool:
    """Tell whether a sequence is made, and goes, with the serial column that owns it; it does not change with it."""
    if change.action is Action.ALTER or change.kind is not Kind.SEQUENCE:
        return False
    things = (one.thing for one in changes.values() if one.action is change.action)
    return is_serial(change.thing, things)


def _is_nothing(operation: MigrateOperation) -> bool:
    """Tell whether an operation does nothing on either way, and is not about what a person has to write."""
    if not isinstance(operation, CatalogueOp) or operation.statements or operation.back:
        return False
    return operation.change.action is not Action.ALTER and operation.change.kind is not Kind.OTHER


def _place_of_stock(operation: MigrateOperation) -> Placed:
    if isinstance(operation, ops.DropIndexOp | ops.DropConstraintOp):
        return (TAKEN_OFF, 0, operation)
    if isinstance(operation, ops.CreateIndexOp | ops.AddConstraintOp):
        return (TABLES, ORDER[Kind.INDEX], operation)
    # A column that is computed from another is gone before that is altered, and comes after.
    if isinstance(operation, ops.AddColumnOp) and operation.column.computed is not None:
        return (TABLES, ORDER[Kind.CONSTRAINT], operation)
    rank = next((rank for rank, kind in enumerate(_COLUMNS_LAST) if isinstance(operation, kind)), -1)
    return (TABLES, rank, operation)


_COLUMNS_LAST: Final = (ops.DropColumnOp, ops.AlterColumnOp, ops.AddColumnOp, ops.DropTableOp)


def _rest(change: Change, covered: stock.Covered) -> Change | None:
    """Return what of a change is left when Alembic's operations are done; None when nothing is."""
    facts = covered.get(change.key, set())
    if facts is None:
        return None
    if change.declared is None:
        return None if facts else change
    if not facts:
        return change
    declared = change.declared.facts
    made = dict(change.found.facts) if change.found else {fact: value for fact, value in declared.items() if not value}
    made |= {fact: declared.get(fact) for fact in (facts if change.found else {*facts, "owner"})}
    rest = replace(change, found=Thing(change.key, {fact: value for fact, value in made.items() if value is not None}))
    return rest if rest.facts else None


def _must_part(change: Change, changes: stock.Changes) -> bool:
    """Tell whether a thing has to be out of the way while its table, or a type, is changed."""
    if change.kind is Kind.PUBLICATION:
        return change.action is Action.ALTER  # a table that it has may be dropped, renamed, made
    if change.kind not in _REMADE_WITH_A_TYPE or change.action is not Action.ALTER:
        return False
    return any(
        one.kind is Kind.ENUM or (one.kind is Kind.COLUMN and (one.table == change.table or change.kind is Kind.VIEW))
        for one in changes.values()
    )
