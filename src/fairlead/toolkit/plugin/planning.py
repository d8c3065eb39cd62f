"""All operations of a difference, in an order that works: Alembic's that stand, and the plugin's for all the rest.

What hangs on something goes before it goes and comes after it came. Reversed, the order works for the way back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from alembic.operations import MigrateOperation, ops
from sqlalchemy.sql.elements import conv

from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Catalogue, Key, Kind, Thing, qualified
from fairlead.toolkit.change import Action, Change
from fairlead.toolkit.naming import quoted
from fairlead.toolkit.plugin import columns, enums, stock
from fairlead.toolkit.plugin.dependents import Order, in_the_way, needs_relations, places
from fairlead.toolkit.plugin.indexes import create_index, drop_index
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.plugin.remaking import is_of_another_type, made_anew
from fairlead.toolkit.plugin.sequences import aside, freed, is_serial
from fairlead.toolkit.plugin.statements import steps, whole

_Placed: TypeAlias = tuple[int, int, MigrateOperation]
_ORDER: Final = {kind: place for place, kind in enumerate(Kind)}
_TAKEN_OFF, _TYPES, _TABLES, _CODE, _TAKEN_AWAY = range(5)
_HANGING: Final = {
    Kind.STATISTICS,
    Kind.VIEW,
    Kind.RULE,
    Kind.TRIGGER,
    Kind.POLICY,
    Kind.GRANT,
    Kind.DEFAULT_GRANT,
    Kind.PUBLICATION,
    Kind.EVENT_TRIGGER,
}
_BEFORE_TABLES: Final = {
    Kind.SCHEMA,
    Kind.EXTENSION,
    Kind.ENUM,
    Kind.COMPOSITE,
    Kind.RANGE,
    Kind.DOMAIN,
    Kind.SEQUENCE,
    Kind.OTHER,
    Kind.FUNCTION,
}
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
        placed.extend(_again(Change(key, found.get(key), declared.get(key)), order))
    for change in rest_by_key.values():
        rest = _rest(change, covered)
        if _goes_with_its_table(change, by_key):
            placed.append((_TAKEN_OFF, -_ORDER[change.kind], _only_back(change, covered)))
        elif _with_its_view(change, by_key, action=Action.REMOVE):
            placed.append((_TAKEN_OFF, order.off(change), CatalogueOp(change, (), steps(None, change.found))))
        elif rest is None or _comes_with_its_column(change, by_key):
            continue
        elif change.kind is Kind.INDEX and _with_its_view(change, by_key, action=Action.ADD):
            placed.extend((_CODE, order.on(change), operation) for *_, operation in _index(change))
        elif change.action is Action.ALTER and (change.kind is Kind.ENUM or is_of_another_type(change)):
            absent = off | {one.key for one in by_key.values() if _is_off(one)}
            placed.extend(_type(change, found, declared, absent=absent))
        else:
            placed.extend(_placed(rest, order, by_key))
    placed.sort(key=lambda one: one[:2])
    return [operation for _, _, operation in placed if not _is_nothing(operation)]


def _again(change: Change, order: Order) -> Iterator[_Placed]:
    """Yield both halves of taking a thing off and putting it back; rights on it go with it by themselves."""
    if _begins_or_ends_to_be_generated(change):
        yield from _generated(change)
        return
    goes = _by_itself if change.kind is Kind.GRANT else _taken_off
    if change.found is not None:
        rank = 1 if change.kind is Kind.COLUMN else order.off(change)  # when what is on the column is off
        half = replace(change, declared=None)
        yield (_TAKEN_OFF, rank, CatalogueOp(half, goes(change.found), whole(change.found), again=True))
    if change.declared is not None:
        half = replace(change, found=None)
        place = (_TABLES, _ORDER[Kind.CONSTRAINT]) if change.kind is Kind.COLUMN else _place_on(change, order)
        yield (*place, CatalogueOp(half, whole(change.declared), goes(change.declared), again=True))


def _begins_or_ends_to_be_generated(change: Change) -> bool:
    return change.kind is Kind.COLUMN and None in change.facts.get("generated", ())


def _generated(change: Change) -> Iterator[_Placed]:
    """Yield the operations on a column that is generated on one side only; what was generated stays in it.

    It is plain while what it is generated from changes.
    """
    found, declared = change.found, change.declared
    assert found is not None  # noqa: S101 - an altered thing has both sides
    assert declared is not None  # noqa: S101 - same
    if found.facts.get("generated"):
        plain = columns.plain(found)
        yield (_TAKEN_OFF, 1, _catalogue_op(replace(change, declared=plain)))
        if plain != declared:
            yield (_TABLES, _ORDER[Kind.COLUMN], _catalogue_op(replace(change, found=plain)))
        return
    back = columns.plain(declared)
    kept = "type" not in change.facts  # what was generated is of the type that the column had before
    off = CatalogueOp(
        replace(change, declared=None), steps(found, None), steps(back if kept else None, found), again=True
    )
    on = CatalogueOp(replace(change, found=None), whole(declared), steps(declared, back if kept else None), again=True)
    yield (_TAKEN_OFF, 1, off)
    yield (_TABLES, _ORDER[Kind.CONSTRAINT], on)


def _place_on(change: Change, order: Order) -> tuple[int, int]:
    if change.kind is Kind.FUNCTION and not needs_relations(change.thing):
        return _TYPES, _ORDER[Kind.FUNCTION]
    return _CODE, order.on(change)


def _taken_off(thing: Thing) -> tuple[str, ...]:
    return steps(thing, None)


def _by_itself(_thing: Thing) -> tuple[str, ...]:
    return ()


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
        return _catalogue_op(change)
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


def _place_of_stock(operation: MigrateOperation) -> _Placed:
    if isinstance(operation, ops.DropIndexOp | ops.DropConstraintOp):
        return (_TAKEN_OFF, 0, operation)
    if isinstance(operation, ops.CreateIndexOp | ops.AddConstraintOp):
        return (_TABLES, _ORDER[Kind.INDEX], operation)
    # A column that is computed from another is gone before that is altered, and comes after.
    if isinstance(operation, ops.AddColumnOp) and operation.column.computed is not None:
        return (_TABLES, _ORDER[Kind.CONSTRAINT], operation)
    rank = next((rank for rank, kind in enumerate(_COLUMNS_LAST) if isinstance(operation, kind)), -1)
    return (_TABLES, rank, operation)


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


def _placed(change: Change, order: Order, changes: stock.Changes) -> Iterator[_Placed]:
    if change.kind is Kind.SEQUENCE and change.action is not Action.ALTER and change.thing.facts.get("owned by"):
        yield from _owned(change, changes)
        return
    if change.kind is Kind.INDEX and set(change.facts) != {"comment"}:
        yield from _index(change)
    elif "definition" in change.facts and change.thing.facts.get("type") == "primary key":
        yield from _key(change)
    elif change.kind is Kind.CONSTRAINT and change.thing.facts.get("type") == "check":
        yield from _check(change)
    elif change.thing.facts.get("type") == "exclusion" and "definition" in change.facts:
        yield from _again(change, order)
    else:
        yield (*_place(change, order), _catalogue_op(change))


def _place(change: Change, order: Order) -> tuple[int, int]:
    kind, removed = change.kind, change.action is Action.REMOVE
    if _is_hanging(change):
        return (_TAKEN_OFF, order.off(change)) if removed else (_CODE, order.on(change))
    if removed and kind in {Kind.CONSTRAINT, Kind.INDEX}:
        return _TAKEN_OFF, -_ORDER[kind]
    if removed and kind in _BEFORE_TABLES:
        return _TAKEN_AWAY, -_ORDER[kind]
    return (_TYPES if kind in _BEFORE_TABLES else _TABLES), _ORDER[kind]


def _is_hanging(change: Change) -> bool:
    return change.kind in _HANGING or (change.kind is Kind.FUNCTION and needs_relations(change.thing))


def _catalogue_op(change: Change) -> CatalogueOp:
    return CatalogueOp(change, steps(change.found, change.declared), steps(change.declared, change.found))


def _is_off(change: Change) -> bool:
    """Tell whether a thing that changes is off while types are changed, to be made later or not at all."""
    if change.kind in {Kind.INDEX, Kind.CONSTRAINT}:
        return True
    return change.action is Action.REMOVE and _is_hanging(change)


def _type(change: Change, found: Catalogue, declared: Catalogue, *, absent: Collection[Key]) -> Iterator[_Placed]:
    """Yield the operations on an enum or a domain: new values come first, and what goes or moves does so last.

    So the values of both sides are there while everything else changes. On both ways the first has its turn when
    everything else is as it was found and what changes is taken off, the last when everything is as declared.
    """
    before, after = change.found, change.declared
    assert before is not None  # noqa: S101 - an altered thing has both sides
    assert after is not None  # noqa: S101 - same
    if change.kind is Kind.DOMAIN:
        way = tuple(made_anew(before, after, catalogue=found, absent=absent))
        back = tuple(made_anew(after, before, catalogue=found, absent=absent))
        yield (_TYPES, _ORDER[Kind.DOMAIN], CatalogueOp(change, way, back))
        return
    both = enums.union(before, after)
    if both.facts["values"] == after.facts["values"]:
        both = after
    if both != before:
        way = enums.values_steps(before, both, catalogue=found, absent=absent)
        back = enums.values_steps(both, before, catalogue=found, absent=absent)
        yield (_TYPES, _ORDER[Kind.ENUM], CatalogueOp(replace(change, declared=both), way, back))
    if both != after:
        way = enums.values_steps(both, after, catalogue=declared)
        back = enums.values_steps(after, both, catalogue=declared)
        yield (_TAKEN_AWAY, -_ORDER[Kind.ENUM], CatalogueOp(replace(change, found=both), way, back))


def _owned(change: Change, changes: stock.Changes) -> Iterator[_Placed]:
    """Yield the operations on a sequence that is there before its column, and as long as that draws from it."""
    free = freed(change.thing)
    if change.action is Action.ADD:
        yield (
            _TYPES,
            _ORDER[Kind.SEQUENCE],
            _made_beside(replace(change, declared=free), aside(change.thing, changes.values())),
        )
        yield (_CODE, 0, _catalogue_op(replace(change, found=free)))
    else:
        yield (_TAKEN_OFF, 0, _catalogue_op(replace(change, declared=free)))
        yield (_TAKEN_AWAY, -_ORDER[Kind.SEQUENCE], _catalogue_op(replace(change, found=free)))


def _made_beside(change: Change, aside: str | None) -> CatalogueOp:
    """Return what makes a sequence where the one that has its name until then is called `aside` meanwhile."""
    made = _catalogue_op(change)
    if aside is None:
        return made
    name = change.thing.identity
    there = f"alter sequence {name} rename to {quoted(aside)}"
    back = f"alter sequence {qualified(change.schema, aside)} rename to {quoted(change.name)}"
    return CatalogueOp(change, (there, *made.statements), (*made.back, back))


def _index(change: Change) -> Iterator[_Placed]:
    if change.found is not None:
        yield (_TAKEN_OFF, 0, drop_index(change.found))
    if change.declared is not None:
        yield (_TABLES, _ORDER[Kind.INDEX], create_index(change.declared))
        if change.declared.facts.get("comment"):
            bare = Thing(change.key, {**change.declared.facts, "comment": None})
            yield (_CODE, 0, _catalogue_op(replace(change, found=bare)))


def _key(change: Change) -> Iterator[_Placed]:
    """Yield both halves of a primary key that is on other columns: one of those may go, or come."""
    off, on = replace(change, declared=None), replace(change, found=None)
    yield (_TAKEN_OFF, 0, CatalogueOp(off, steps(off.found, None), steps(None, off.found), again=True))
    yield (
        _TABLES,
        _ORDER[Kind.CONSTRAINT],
        CatalogueOp(on, steps(None, on.declared), steps(on.declared, None), again=True),
    )


def _check(change: Change) -> Iterator[_Placed]:
    """Yield Alembic's own operations for a check, unless it is only validated, or is not to be."""
    sides = [thing for thing in (change.found, change.declared) if thing]
    if not sides[-1].facts["validated"] or (change.facts and set(change.facts) <= {"comment", "validated"}):
        place = (
            (_TAKEN_OFF, -_ORDER[Kind.CONSTRAINT]) if change.declared is None else (_TABLES, _ORDER[Kind.CONSTRAINT])
        )
        yield (*place, _catalogue_op(change))
        return
    if change.found is not None:
        yield (_TAKEN_OFF, 0, _drop_check(change.found))
    if change.declared is not None:
        yield (_TABLES, _ORDER[Kind.CONSTRAINT], _create_check(change.declared))


def _drop_check(thing: Thing) -> ops.DropConstraintOp:
    key = thing.key
    return ops.DropConstraintOp(
        conv(key.name), key.table, type_="check", schema=_schema(key), _reverse=_create_check(thing)
    )


def _create_check(thing: Thing) -> ops.CreateCheckConstraintOp:
    key = thing.key
    return ops.CreateCheckConstraintOp(conv(key.name), key.table, thing.facts["expression"], schema=_schema(key))


def _schema(key: Key) -> str | None:
    return None if key.schema == DEFAULT_SCHEMA else key.schema
