"""What has to be out of the way while something is changed, and the order in which such things are made.

PostgreSQL gives no column another type while a view, a rule, a policy, a trigger, a generated column, a publication or
a function with a body of SQL uses it, and drops nothing that something is built on. Whatever stands in the way so is
taken off before and put back after, as it is to be then, with its comment, its owner and the rights on it. Indexes,
checks and statistics on a column PostgreSQL itself makes anew with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from fairlead.toolkit.catalogue import Catalogue, Key, Kind, Thing
from fairlead.toolkit.change import Action, Change
from fairlead.toolkit.naming import quoted
from fairlead.toolkit.plugin.settings import reference

Changes: TypeAlias = Mapping[Key, Change]
_ORDER: Final = {kind: place for place, kind in enumerate(Kind)}
_FORBIDS_ANOTHER_TYPE: Final = {
    Kind.COLUMN,
    Kind.FUNCTION,
    Kind.VIEW,
    Kind.RULE,
    Kind.TRIGGER,
    Kind.POLICY,
    Kind.PUBLICATION,
}
_STAYS: Final = {Kind.TABLE, Kind.SEQUENCE, Kind.ENUM, Kind.COMPOSITE, Kind.RANGE, Kind.DOMAIN}
_CHANGED_ON_THEIR_OWN: Final = {Kind.INDEX, Kind.CONSTRAINT}  # of a table: dropped before everything, made after it


def in_the_way(
    changes: Changes, found: Catalogue, declared: Catalogue, *, parted: Callable[[Change], bool]
) -> set[Key]:
    """Return what is there before and after, and has to be taken off between; `parted` are changes that need that."""
    users = users_of(found, declared)
    both = found.keys() & declared.keys()
    altered = [change for change in changes.values() if change.action is Action.ALTER]
    waiting = [change.key for change in altered if parted(change) or _is_made_anew(change)]
    for column in _retyped(altered, found, declared):
        waiting += [key for key in users.get(column, ()) if key.kind in _FORBIDS_ANOTHER_TYPE]
    off: set[Key] = set()
    while waiting:
        key = waiting.pop()
        sides = [catalogue[key] for catalogue in (found, declared) if key in catalogue]
        on_view = key.kind is Kind.INDEX and Key(Kind.VIEW, key.schema, "", key.table) in both
        if (
            key in off
            or (len(sides) == 1 and not on_view)
            or _can_stay(key, sides, changed=key in changes and not on_view)
        ):
            continue
        off.add(key)
        waiting += [*users.get(key, ()), *rights_on(sides[0], found, declared)]
    return off


def places(catalogue: Catalogue) -> dict[Key, int]:
    """Return a place for each thing: after all that it needs, and otherwise in the order of the kinds."""
    placed: dict[Key, int] = {}
    open_keys = sorted(catalogue, key=_usual_place, reverse=True)
    entered: set[Key] = set()
    while open_keys:
        key = open_keys[-1]
        missing = (
            [] if key in entered else [one for one in catalogue[key].needs if one in catalogue and one not in entered]
        )
        entered.add(key)
        open_keys += sorted(missing, key=_usual_place, reverse=True)
        if not missing:
            open_keys.pop()
            placed.setdefault(key, len(placed))
    return placed


@dataclass(frozen=True, slots=True)
class Order:
    """The places of things before and after; what is made last goes first, what has only a parent's place is last."""

    found: Mapping[Key, int]
    declared: Mapping[Key, int]

    def off(self, change: Change) -> int:
        """Return the rank among what is taken off, before all that only its kind puts in order."""
        return -len(_ORDER) - self.found.get(change.key, len(self.found))

    def on(self, change: Change) -> int:
        """Return the rank among what is made when all tables are there, after all that only its kind puts in order."""
        return len(_ORDER) + self.declared.get(change.key, len(self.declared))


def needs_relations(thing: Thing) -> bool:
    """Tell whether it can only be made when a table or a view is there."""
    return any(key.kind in {Kind.TABLE, Kind.COLUMN, Kind.VIEW} for key in thing.needs)


def _usual_place(key: Key) -> tuple[int, Key]:
    return _ORDER[key.kind], key


def users_of(*catalogues: Catalogue) -> dict[Key, set[Key]]:
    """Return what is built on each thing."""
    users: dict[Key, set[Key]] = {}
    for catalogue in catalogues:
        for key, thing in catalogue.items():
            for needed in thing.needs:
                users.setdefault(needed, set()).add(key)
    return users


def _retyped(altered: Iterable[Change], *catalogues: Catalogue) -> Iterator[Key]:
    """Yield the columns that get another type, with those that tables have from the altered one."""
    for change in altered:
        if change.kind is Kind.COLUMN and not change.facts.keys().isdisjoint({"type", "collation"}):
            yield change.key
            yield from (
                Key(Kind.COLUMN, *table, change.name)
                for catalogue in catalogues
                for table in heirs(change.thing.relation, catalogue)
            )


def heirs(relation: str, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield schema and name of the tables that have their columns from another."""
    for key, thing in catalogue.items():
        if key.kind is Kind.TABLE and relation in {thing.facts.get("partition of"), *thing.facts.get("inherits", ())}:
            yield key.schema, key.name
            yield from heirs(thing.relation, catalogue)


def _is_made_anew(change: Change) -> bool:
    """Tell whether PostgreSQL has no way to alter it so, one way or back."""
    differing = change.facts.keys()
    if change.kind is Kind.VIEW:
        materialized = change.thing.facts.get("materialized") and not differing.isdisjoint({"definition", "options"})
        return bool(materialized) or not differing.isdisjoint({"columns", "materialized"})
    if change.kind is Kind.COLUMN:
        return not differing.isdisjoint({"generated", "generated kind"})
    return change.kind is Kind.FUNCTION and "returns" in differing


def _can_stay(key: Key, sides: list[Thing], *, changed: bool) -> bool:
    """Tell whether it is not in the way, or gets there and back by itself."""
    if key.kind is Kind.COLUMN:  # another one's default is noted as using what it calls
        return not any(thing.facts.get("generated") for thing in sides)
    return key.kind in _STAYS or (changed and key.kind in _CHANGED_ON_THEIR_OWN)


def rights_on(thing: Thing, *catalogues: Catalogue) -> Iterator[Key]:
    """Yield the grants that go with a thing."""
    if thing.kind not in {Kind.VIEW, Kind.FUNCTION, Kind.COLUMN}:
        return
    for catalogue in catalogues:
        for key, grant in catalogue.items():
            if key.kind is Kind.GRANT and _is_on(grant, thing):
                yield key


def _is_on(grant: Thing, thing: Thing) -> bool:
    title = str(grant.facts["object"])
    if thing.kind is Kind.VIEW:
        return grant.key[1:3] == (thing.key.schema, thing.name)
    if thing.kind is Kind.COLUMN:
        return title == f"column {thing.relation}.{quoted(thing.name)}"
    return title.partition("(")[0].partition(" ")[2] == reference(thing).partition("(")[0]
