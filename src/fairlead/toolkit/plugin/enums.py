"""From one list of an enum's values to another.

New values are added in their places, which no row and no query notices. PostgreSQL takes no value away and moves none:
for that the type is made anew and its columns are rewritten, with whatever speaks of them taken off before and put on
after. A row that holds a value which is gone makes that fail, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Collection

from fairlead.toolkit.catalogue import Catalogue, Key, Thing
from fairlead.toolkit.naming import literal
from fairlead.toolkit.plugin.remaking import made_anew
from fairlead.toolkit.plugin.statements import Statements, steps


def union(before: Thing, after: Thing) -> Thing:
    """Return the enum with the values of both: those it has, where they are, and the new ones in their places."""
    values = list(before.facts["values"])
    for position, value in enumerate(after.facts["values"]):
        if value not in values:
            previous = after.facts["values"][position - 1] if position else None
            values.insert(values.index(previous) + 1 if previous else 0, value)
    return Thing(before.key, {**before.facts, "values": values})


def values_steps(before: Thing, after: Thing, *, catalogue: Catalogue, absent: Collection[Key] = ()) -> Statements:
    """Return the statements from one state of the enum to another, in a database that is as `catalogue` says.

    What is `absent` is not there at that moment: other operations take it off before and put it on after.
    """
    if before.facts["values"] == after.facts["values"]:
        return steps(before, after)
    added = _added(before.facts["values"], after.facts["values"])
    if added is None:
        return tuple(made_anew(before, after, catalogue=catalogue, absent=absent))
    same = Thing(before.key, {**before.facts, "values": after.facts["values"]})
    return (*(f"alter type {after.identity} add value {value}" for value in added), *steps(same, after))


def _added(before: list[str], after: list[str]) -> list[str] | None:
    """Return each new value with its place, or None when values go or move."""
    if [value for value in after if value in before] != before:
        return None
    places = []
    for position, value in enumerate(after):
        if value in before:
            continue
        if position:
            places.append(f"{literal(value)} after {literal(after[position - 1])}")
        else:
            first = next((old for old in after if old in before), None)
            places.append(literal(value) + (f" before {literal(first)}" if first else ""))
    return places
