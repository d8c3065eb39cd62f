"""From one list of an enum's values to another.

New values are added in their places, which no row and no query notices. PostgreSQL takes no value away and moves none:
for that the type is made anew and its columns are rewritten, with whatever speaks of them taken off before and put on
after. A row that holds a value which is gone makes that fail, and nothing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from fairlead.toolkit.catalogue import Catalogue, Key, Kind, Thing, qualified
from fairlead.toolkit.naming import literal, quoted
from fairlead.toolkit.plugin.statements import Statements, steps

_SPEAKING: Final = {Kind.INDEX, Kind.CONSTRAINT, Kind.POLICY, Kind.TRIGGER, Kind.VIEW, Kind.RULE, Kind.STATISTICS}


def union(before: Thing, after: Thing) -> Thing:
    """Return the enum with the values of both: those it has, where they are, and the new ones in their places."""
    values = list(before.facts["values"])
    for position, value in enumerate(after.facts["values"]):
        if value not in values:
            previous = after.facts["values"][position - 1] if position else None
            values.insert(values.index(previous) + 1 if previous else 0, value)
    return Thing(before.key, {**before.facts, "values": values})


def values_steps(before: Thing, after: Thing, *, catalogue: Catalogue, changed: Collection[Key] = ()) -> Statements:
    """Return the statements from one state of the enum to another, in a database that is as `catalogue` says.

    What is in `changed` is not there at that moment: other operations take it off before and put it on after.
    """
    if before.facts["values"] == after.facts["values"]:
        return steps(before, after)
    added = _added(before.facts["values"], after.facts["values"])
    if added is None:
        return tuple(_made_anew(before, after, catalogue, changed))
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


def _made_anew(before: Thing, after: Thing, catalogue: Catalogue, changed: Collection[Key]) -> Iterator[str]:
    columns = [thing for key, thing in catalogue.items() if key.kind is Kind.COLUMN and _is_of(thing, before)]
    defaults = [column for column in columns if column.facts.get("default")]
    speaking = [thing for thing in _speaking(before, columns, catalogue) if thing.key not in changed]
    grants = [
        thing
        for key, thing in catalogue.items()
        if key.kind is Kind.GRANT and thing.facts["object"] == f"type {before.identity}" and key not in changed
    ]
    yield from _each(reversed(speaking), made=False)
    yield from (f"{_column(column)} drop default" for column in defaults)
    yield f"alter type {before.identity} rename to {quoted(f'{before.name}_before')}"
    yield from steps(None, after)
    yield from (_rewritten(column, after) for column in columns)
    yield from (f"{_column(column)} set default {column.facts['default']}" for column in defaults)
    yield f"drop type {qualified(before.key.schema, f'{before.name}_before')}"
    yield from _each([*speaking, *grants], made=True)


def _each(things: Iterable[Thing], *, made: bool) -> Iterator[str]:
    for thing in things:
        yield from steps(None, thing) if made else steps(thing, None)


def _rewritten(column: Thing, enum: Thing) -> str:
    array = "[]" if column.facts["type"].endswith("[]") else ""
    new = f"{enum.identity}{array}"
    return f"{_column(column)} type {new} using {quoted(column.name)}::text{array}::{new}"


def _is_of(column: Thing, enum: Thing) -> bool:
    return str(column.facts["type"]).removesuffix("[]") == enum.identity


def _speaking(enum: Thing, columns: list[Thing], catalogue: Catalogue) -> Iterator[Thing]:
    """Yield what has an expression with a value of the enum or a column of it, in the order in which it is made."""
    relations = {column.relation for column in columns}
    relations |= {t.relation for t in catalogue.values() if t.facts.get("partition of") in relations}
    names = "|".join(re.escape(quoted(column.name)) for column in columns)
    word = re.compile(rf"::{re.escape(enum.identity)}\b" + (rf"|(?<!\w)({names})(?!\w)" if names else ""))
    for kind in (kind for kind in Kind if kind in _SPEAKING):
        for thing in (thing for thing in catalogue.values() if thing.kind is kind):
            if (thing.relation in relations or kind is Kind.VIEW) and word.search(_expressions(thing, enum)):
                yield thing


def _expressions(thing: Thing, enum: Thing) -> str:
    facts = thing.facts
    if thing.kind is Kind.INDEX:  # a plain key of the column is rebuilt with it
        plain = f"::{enum.identity}" in facts["definition"]
        return str(facts["definition"] if plain else facts.get("predicate", ""))
    if thing.kind is Kind.CONSTRAINT:
        return str(facts.get("expression", ""))
    if thing.kind is Kind.POLICY:
        return f"{facts.get('using', '')} {facts.get('with check', '')}"
    return str(facts["definition"])


def _column(column: Thing) -> str:
    return f"alter table {column.relation} alter column {quoted(column.name)}"
