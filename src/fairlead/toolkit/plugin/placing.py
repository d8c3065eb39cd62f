"""Where in the order the operations on one thing stand: what it takes to make it, to take it away, or to change it.

A place is a phase and a rank in it. Of what is taken off for a while both halves are placed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from alembic.operations import MigrateOperation, ops
from sqlalchemy.sql.elements import conv

from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Catalogue, Key, Kind, Thing, qualified
from fairlead.toolkit.change import Action, Change
from fairlead.toolkit.naming import quoted
from fairlead.toolkit.plugin import columns, enums, stock
from fairlead.toolkit.plugin.dependents import Order, needs_relations
from fairlead.toolkit.plugin.indexes import create_index, drop_index
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.plugin.remaking import made_anew
from fairlead.toolkit.plugin.sequences import aside, freed
from fairlead.toolkit.plugin.statements import steps, whole

Placed: TypeAlias = tuple[int, int, MigrateOperation]
ORDER: Final = {kind: place for place, kind in enumerate(Kind)}
TAKEN_OFF, TYPES, TABLES, CODE, TAKEN_AWAY = range(5)
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


def of_change(change: Change, order: Order, changes: stock.Changes) -> Iterator[Placed]:
    """Yield the operations of a change in their places."""
    if change.kind is Kind.SEQUENCE and change.action is not Action.ALTER and change.thing.facts.get("owned by"):
        yield from _owned(change, changes)
        return
    if change.kind is Kind.INDEX and set(change.facts) != {"comment"}:
        yield from of_index(change)
    elif "definition" in change.facts and change.thing.facts.get("type") == "primary key":
        yield from _key(change)
    elif change.kind is Kind.CONSTRAINT and change.thing.facts.get("type") == "check":
        yield from _check(change)
    elif change.thing.facts.get("type") == "exclusion" and "definition" in change.facts:
        yield from of_halves(change, order)
    else:
        yield (*_place(change, order), catalogue_op(change))


def of_halves(change: Change, order: Order) -> Iterator[Placed]:
    """Yield both halves of taking a thing off and putting it back; rights on it go with it by themselves."""
    if _begins_or_ends_to_be_generated(change):
        yield from _generated(change)
        return
    goes = _by_itself if change.kind is Kind.GRANT else _taken_off
    if change.found is not None:
        rank = 1 if change.kind is Kind.COLUMN else order.off(change)  # when what is on the column is off
        half = replace(change, declared=None)
        yield (TAKEN_OFF, rank, CatalogueOp(half, goes(change.found), whole(change.found), again=True))
    if change.declared is not None:
        half = replace(change, found=None)
        place = (TABLES, ORDER[Kind.CONSTRAINT]) if change.kind is Kind.COLUMN else _place_on(change, order)
        yield (*place, CatalogueOp(half, whole(change.declared), goes(change.declared), again=True))


def _begins_or_ends_to_be_generated(change: Change) -> bool:
    return change.kind is Kind.COLUMN and None in change.facts.get("generated", ())


def _generated(change: Change) -> Iterator[Placed]:
    """Yield the operations on a column that is generated on one side only; what was generated stays in it.

    It is plain while what it is generated from changes.
    """
    found, declared = change.found, change.declared
    assert found is not None  # noqa: S101 - an altered thing has both sides
    assert declared is not None  # noqa: S101 - same
    if found.facts.get("generated"):
        plain = columns.plain(found)
        yield (TAKEN_OFF, 1, catalogue_op(replace(change, declared=plain)))
        if plain != declared:
            yield (TABLES, ORDER[Kind.COLUMN], catalogue_op(replace(change, found=plain)))
        return
    back = columns.plain(declared)
    kept = "type" not in change.facts  # what was generated is of the type that the column had before
    off = CatalogueOp(
        replace(change, declared=None), steps(found, None), steps(back if kept else None, found), again=True
    )
    on = CatalogueOp(replace(change, found=None), whole(declared), steps(declared, back if kept else None), again=True)
    yield (TAKEN_OFF, 1, off)
    yield (TABLES, ORDER[Kind.CONSTRAINT], on)


def _place_on(change: Change, order: Order) -> tuple[int, int]:
    if change.kind is Kind.FUNCTION and not needs_relations(change.thing):
        return TYPES, ORDER[Kind.FUNCTION]
    return CODE, order.on(change)


def _taken_off(thing: Thing) -> tuple[str, ...]:
    return steps(thing, None)


def _by_itself(_thing: Thing) -> tuple[str, ...]:
    return ()


def _place(change: Change, order: Order) -> tuple[int, int]:
    kind, removed = change.kind, change.action is Action.REMOVE
    if _is_hanging(change):
        return (TAKEN_OFF, order.off(change)) if removed else (CODE, order.on(change))
    if removed and kind in {Kind.CONSTRAINT, Kind.INDEX}:
        return TAKEN_OFF, -ORDER[kind]
    if removed and kind in _BEFORE_TABLES:
        return TAKEN_AWAY, -ORDER[kind]
    return (TYPES if kind in _BEFORE_TABLES else TABLES), ORDER[kind]


def _is_hanging(change: Change) -> bool:
    return change.kind in _HANGING or (change.kind is Kind.FUNCTION and needs_relations(change.thing))


def catalogue_op(change: Change) -> CatalogueOp:
    """Return the statements of a change, and those of its way back."""
    return CatalogueOp(change, steps(change.found, change.declared), steps(change.declared, change.found))


def is_off(change: Change) -> bool:
    """Tell whether a thing that changes is off while types are changed, to be made later or not at all."""
    if change.kind in {Kind.INDEX, Kind.CONSTRAINT}:
        return True
    return change.action is Action.REMOVE and _is_hanging(change)


def of_type(change: Change, found: Catalogue, declared: Catalogue, *, absent: Collection[Key]) -> Iterator[Placed]:
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
        yield (TYPES, ORDER[Kind.DOMAIN], CatalogueOp(change, way, back))
        return
    both = enums.union(before, after)
    if both.facts["values"] == after.facts["values"]:
        both = after
    if both != before:
        way = enums.values_steps(before, both, catalogue=found, absent=absent)
        back = enums.values_steps(both, before, catalogue=found, absent=absent)
        yield (TYPES, ORDER[Kind.ENUM], CatalogueOp(replace(change, declared=both), way, back))
    if both != after:
        way = enums.values_steps(both, after, catalogue=declared)
        back = enums.values_steps(after, both, catalogue=declared)
        yield (TAKEN_AWAY, -ORDER[Kind.ENUM], CatalogueOp(replace(change, found=both), way, back))


def _owned(change: Change, changes: stock.Changes) -> Iterator[Placed]:
    """Yield the operations on a sequence that is there before its column, and as long as that draws from it."""
    free = freed(change.thing)
    if change.action is Action.ADD:
        yield (
            TYPES,
            ORDER[Kind.SEQUENCE],
            _made_beside(replace(change, declared=free), aside(change.thing, changes.values())),
        )
        yield (CODE, 0, catalogue_op(replace(change, found=free)))
    else:
        yield (TAKEN_OFF, 0, catalogue_op(replace(change, declared=free)))
        yield (TAKEN_AWAY, -ORDER[Kind.SEQUENCE], catalogue_op(replace(change, found=free)))


def _made_beside(change: Change, aside: str | None) -> CatalogueOp:
    """Return what makes a sequence where the one that has its name until then is called `aside` meanwhile."""
    made = catalogue_op(change)
    if aside is None:
        return made
    name = change.thing.identity
    there = f"alter sequence {name} rename to {quoted(aside)}"
    back = f"alter sequence {qualified(change.schema, aside)} rename to {quoted(change.name)}"
    return CatalogueOp(change, (there, *made.statements), (*made.back, back))


def of_index(change: Change) -> Iterator[Placed]:
    """Yield the operations on an index: one that changes is dropped first, and made anew."""
    if change.found is not None:
        yield (TAKEN_OFF, 0, drop_index(change.found))
    if change.declared is not None:
        yield (TABLES, ORDER[Kind.INDEX], create_index(change.declared))
        if change.declared.facts.get("comment"):
            bare = Thing(change.key, {**change.declared.facts, "comment": None})
            yield (CODE, 0, catalogue_op(replace(change, found=bare)))


def _key(change: Change) -> Iterator[Placed]:
    """Yield both halves of a primary key that is on other columns: one of those may go, or come."""
    off, on = replace(change, declared=None), replace(change, found=None)
    yield (TAKEN_OFF, 0, CatalogueOp(off, steps(off.found, None), steps(None, off.found), again=True))
    yield (
        TABLES,
        ORDER[Kind.CONSTRAINT],
        CatalogueOp(on, steps(None, on.declared), steps(on.declared, None), again=True),
    )


def _check(change: Change) -> Iterator[Placed]:
    """Yield Alembic's own operations for a check, unless it is only validated, or is not to be."""
    sides = [thing for thing in (change.found, change.declared) if thing]
    if not sides[-1].facts["validated"] or (change.facts and set(change.facts) <= {"comment", "validated"}):
        place = (TAKEN_OFF, -ORDER[Kind.CONSTRAINT]) if change.declared is None else (TABLES, ORDER[Kind.CONSTRAINT])
        yield (*place, catalogue_op(change))
        return
    if change.found is not None:
        yield (TAKEN_OFF, 0, _drop_check(change.found))
    if change.declared is not None:
        yield (TABLES, ORDER[Kind.CONSTRAINT], _create_check(change.declared))


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
