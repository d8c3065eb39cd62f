"""A type that is made anew, since PostgreSQL takes no value from an enum and gives a domain no other base.

Its columns are rewritten by way of their text. What is made of the type (a domain over it, a composite) is made anew
with it, and whatever else stands on these types or on those columns, by PostgreSQL's own notes, is taken off before and
put back after. What is not in the catalogue stays in the way.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from fairlead.toolkit.catalogue import Catalogue, Key, Kind, Thing, qualified
from fairlead.toolkit.change import Change
from fairlead.toolkit.naming import quoted
from fairlead.toolkit.plugin.dependents import heirs, places, rights_on, users_of
from fairlead.toolkit.plugin.settings import noun
from fairlead.toolkit.plugin.statements import steps, whole

_TYPES: Final = {Kind.ENUM, Kind.COMPOSITE, Kind.RANGE, Kind.DOMAIN}
_NEVER_OFF: Final = {*_TYPES, Kind.TABLE, Kind.SEQUENCE, Kind.OTHER}
_PLAIN_INDEX: Final = re.compile(
    r" USING \w+ \([^()]*\)(?: INCLUDE \([^()]*\))?(?: NULLS NOT DISTINCT)?(?: WITH \(.*\))?$"
)


def is_of_another_type(change: Change) -> bool:
    """Tell whether a domain gets another base, which no statement gives it."""
    return change.kind is Kind.DOMAIN and not change.facts.keys().isdisjoint({"type", "collation"})


def made_anew(before: Thing, after: Thing, *, catalogue: Catalogue, absent: Collection[Key] = ()) -> Iterator[str]:
    """Yield what makes a type anew in a database that is as `catalogue` says, but for what is `absent` then."""
    users, place = users_of(catalogue), places(catalogue)
    types = [catalogue[key] for key in sorted(_made_of(before.key, users), key=place.__getitem__)]
    columns = [one for one in catalogue.values() if one.kind is Kind.COLUMN and _is_of(one, types)]
    off, calling = _in_the_way(types, columns, catalogue, users)
    gone = [catalogue[key] for key in sorted(off - set(absent), key=place.__getitem__)]
    defaults = [column for column in catalogue.values() if column.key in calling and column.facts.get("default")]
    rights = [right for thing in gone for right in rights_on(thing, catalogue)]
    rights += [right for kind in types for right in _rights_on_type(kind, catalogue)]
    yield from (f"{_column(column)} drop default" for column in defaults)
    yield from _each(reversed(gone), made=False)
    yield from (f"alter {noun(one)} {one.identity} rename to {quoted(_old(one))}" for one in types)
    yield from _each((after if one.key == before.key else one for one in types), made=True)
    yield from (_rewritten(column) for column in columns if column.facts.get("inherited") is None)
    yield from (f"drop {noun(one)} {qualified(one.key.schema, _old(one))}" for one in reversed(types))
    yield from _each([*gone, *(catalogue[key] for key in dict.fromkeys(rights) if key not in absent)], made=True)
    yield from (f"{_column(column)} set default {column.facts['default']}" for column in defaults)


def _made_of(kind: Key, users: dict[Key, set[Key]]) -> set[Key]:
    """Return the type and all types that are made of it."""
    made, waiting = set[Key](), [kind]
    while waiting:
        key = waiting.pop()
        if key not in made:
            made.add(key)
            waiting += [user for user in users.get(key, ()) if user.kind in _TYPES]
    return made


def _in_the_way(
    types: list[Thing], columns: list[Thing], catalogue: Catalogue, users: dict[Key, set[Key]]
) -> tuple[set[Key], set[Key]]:
    """Return what has to be taken off, and the columns whose defaults have to."""
    rewritten = {key for column in columns for key in (column.key, *_heirs(column, catalogue))}
    waiting = [user for kind in types for user in users.get(kind.key, ())]
    waiting += [user for key in rewritten for user in users.get(key, ()) if not _follows(catalogue.get(user))]
    off, calling = set[Key](), set(rewritten)
    while waiting:
        key = waiting.pop()
        if key in off or key not in catalogue or key.kind in _NEVER_OFF:
            continue
        if key.kind is Kind.COLUMN and not catalogue[key].facts.get("generated"):
            calling.add(key)
            continue
        off.add(key)
        waiting += users.get(key, ())
    return off, calling


def _follows(thing: Thing | None) -> bool:
    """Tell whether PostgreSQL itself makes it anew with a column: a key, or an index of nothing but columns."""
    if thing is None or thing.kind is Kind.CONSTRAINT:
        return thing is not None and thing.facts["type"] in {"primary key", "unique"}
    return thing.kind is Kind.INDEX and _PLAIN_INDEX.search(thing.facts["definition"]) is not None


def _heirs(column: Thing, catalogue: Catalogue) -> Iterator[Key]:
    yield from (Key(Kind.COLUMN, *table, column.name) for table in heirs(column.relation, catalogue))


def _is_of(column: Thing, types: list[Thing]) -> bool:
    name = str(column.facts["type"]).removesuffix("[]")
    return not column.facts.get("generated") and any(name == kind.identity for kind in types)


def _rights_on_type(kind: Thing, catalogue: Catalogue) -> Iterator[Key]:
    titles = {f"type {kind.identity}", f"domain {kind.identity}"}
    yield from (key for key, grant in catalogue.items() if key.kind is Kind.GRANT and grant.facts["object"] in titles)


def _each(things: Iterable[Thing], *, made: bool) -> Iterator[str]:
    for thing in things:
        yield from whole(thing) if made else steps(thing, None)


def _rewritten(column: Thing) -> str:
    kind = str(column.facts["type"])
    array = "[]" if kind.endswith("[]") else ""
    return f"{_column(column)} type {kind} using {quoted(column.name)}::text{array}::{kind}"


def _column(column: Thing) -> str:
    return f"alter table {column.relation} alter column {quoted(column.name)}"


def _old(kind: Thing) -> str:
    return f"{kind.name}_before"
