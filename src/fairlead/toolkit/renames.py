"""Renames: what left the models and what came in, which of them are the same thing, and the DDL that keeps its rows.

To a comparison a renamed column is one that is dropped, with its data, and another that is added. Only a person knows
better, so whatever is dropped while something of its kind is added beside it is a question. An answer is carried out
on the shadow database and the comparison is made again from there: a column renamed in a renamed table, or renamed and
changed at once, is found like any other. A table or an enum that comes in under another schema may be one that moved.

What only carries the old name in its own (an index, a constraint, a policy) follows without a question, because it
loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import partial
from typing import Final, Literal, TypeAlias

from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Key, Kind
from fairlead.toolkit.change import Action, Change
from fairlead.toolkit.naming import literal, path_of, quoted

Renamed: TypeAlias = Kind | Literal["value"]
_STATEMENTS: Final[dict[Renamed, str]] = {
    Kind.TABLE: "ALTER TABLE {path} RENAME TO {new}",
    Kind.ENUM: "ALTER TYPE {path} RENAME TO {new}",
    Kind.COLUMN: "ALTER TABLE {within} RENAME COLUMN {old} TO {new}",
    "value": "ALTER TYPE {within} RENAME VALUE {old_value} TO {new_value}",
    Kind.INDEX: "ALTER INDEX {path} RENAME TO {new}",
    Kind.CONSTRAINT: "ALTER TABLE {within} RENAME CONSTRAINT {old} TO {new}",
    Kind.POLICY: "ALTER POLICY {old} ON {within} RENAME TO {new}",
    Kind.TRIGGER: "ALTER TRIGGER {old} ON {within} RENAME TO {new}",
    Kind.SEQUENCE: "ALTER SEQUENCE {path} RENAME TO {new}",
    Kind.STATISTICS: "ALTER STATISTICS {path} RENAME TO {new}",
}
_MOVES: Final[dict[Renamed, str]] = {
    Kind.TABLE: "ALTER TABLE {path} SET SCHEMA {schema}",
    Kind.ENUM: "ALTER TYPE {path} SET SCHEMA {schema}",
}
_FOLLOWING: Final = {Kind.INDEX, Kind.CONSTRAINT, Kind.POLICY, Kind.TRIGGER, Kind.SEQUENCE, Kind.STATISTICS}


@dataclass(frozen=True, slots=True)
class Place:
    """Something with a name. `within` is the table of a column, the type of an enum's value; else None."""

    kind: Renamed
    name: str
    within: str | None = None
    schema: str | None = None
    shape: frozenset[str] = field(default=frozenset(), compare=False)  # what it is made of, to tell what is like it

    def __str__(self) -> str:
        """Say it as it is passed to a command: `users`, `users.email`, `shop.users.email`."""
        return path_of(self.schema, self.within if self.kind in {Kind.COLUMN, "value"} else None, self.name)

    @property
    def whole(self) -> str:
        """Say it with its schema in any case: `public.users`."""
        return str(replace(self, schema=self.schema or DEFAULT_SCHEMA))

    def could_become(self, other: Place) -> bool:
        """Tell whether the other may be this one under another name, or in another schema where that can be."""
        schema = self.schema if self.kind in _MOVES else other.schema
        return replace(other, name=self.name, schema=schema) == self


@dataclass(frozen=True, slots=True)
class Question:
    """Was what is `gone` from the models renamed to one of `candidates`, the likeliest first; or is it dropped."""

    gone: Place
    candidates: tuple[Place, ...]

    def told(self, candidate: Place) -> str:
        """Say a candidate as it is passed to a command."""
        return str(candidate) if candidate.schema == self.gone.schema else candidate.whole


@dataclass(frozen=True, slots=True)
class Rename:
    """One thing that gets another name, or another schema, and keeps all it holds."""

    old: Place
    new: Place
    makes_schema: bool = False  # the new schema is not there yet

    def statements(self) -> tuple[str, ...]:
        """Return the DDL."""
        made = (f"CREATE SCHEMA {quoted(self.new.schema)}",) if self.makes_schema else ()
        return (*made, *self._moves())

    def undoing(self) -> tuple[str, ...]:
        """Return the DDL that takes it back."""
        gone = (f"DROP SCHEMA {quoted(self.new.schema)}",) if self.makes_schema else ()
        return (*Rename(self.new, self.old).statements(), *gone)

    def _moves(self) -> Iterator[str]:
        old, new = self.old, self.new
        if old.schema != new.schema:
            schema = quoted(new.schema or DEFAULT_SCHEMA)
            yield _MOVES[old.kind].format(path=quoted(old.schema, old.name), schema=schema)
        if old.name != new.name:
            yield _STATEMENTS[old.kind].format(
                path=quoted(new.schema, old.name),
                within=quoted(old.schema, old.within),
                old=quoted(old.name),
                new=quoted(new.name),
                old_value=literal(old.name),
                new_value=literal(new.name),
            )

    def __str__(self) -> str:
        """Say it for people."""
        if self.old.schema != self.new.schema:
            return f"move {self.old.kind} {self.old} to {self.new.whole}"
        return f"rename {self.old.kind} {self.old} to {self.new.name}"


def questions(changes: Iterable[Change]) -> list[Question]:
    """Return what has to be decided about tables, columns, enums and their values."""
    everything = list(changes)
    places = list(_places(everything))
    gone = [place for action, place in places if action is Action.REMOVE]
    came = [place for action, place in places if action is Action.ADD]
    asked = []
    for place in sorted(gone, key=str):
        beside = [other for other in came if place.could_become(other)]
        if beside:
            asked.append(Question(place, tuple(sorted(beside, key=partial(_unlikeness, place)))))
    return asked


def dropped(changes: Iterable[Change]) -> set[str]:
    """Return what is gone from the models, as a question would name it."""
    return {str(place) for action, place in _places(list(changes)) if action is Action.REMOVE}


def _places(changes: list[Change]) -> Iterator[tuple[Action, Place]]:
    whole = {change.key[1:3] for change in changes if change.kind is Kind.TABLE and change.action is not Action.ALTER}
    for change in changes:
        schema = _schema(change.key)
        if change.kind is Kind.TABLE and change.action is not Action.ALTER:
            columns = (
                other.name for other in changes if other.kind is Kind.COLUMN and other.key[1:3] == change.key[1:3]
            )
            yield change.action, Place(Kind.TABLE, change.name, None, schema, frozenset(columns))
        elif change.kind is Kind.COLUMN and change.key[1:3] not in whole:
            kind = frozenset({str(change.thing.facts["type"])})
            yield change.action, Place(Kind.COLUMN, change.name, change.table, schema, kind)
        elif change.kind is Kind.ENUM and change.action is not Action.ALTER:
            values = frozenset(change.thing.facts["values"])
            yield change.action, Place(Kind.ENUM, change.name, None, schema, values)
        elif change.kind is Kind.ENUM and "values" in change.facts:
            before, after = change.facts["values"]
            yield from ((Action.REMOVE, Place("value", one, change.name, schema)) for one in before if one not in after)
            yield from ((Action.ADD, Place("value", one, change.name, schema)) for one in after if one not in before)


def _unlikeness(one: Place, other: Place) -> tuple[float, str]:
    """Sort what is like it first; what they are made of counts twice as much as how they are called."""
    shapes = one.shape | other.shape
    made_alike = len(one.shape & other.shape) / len(shapes) if shapes else 0
    return -2 * made_alike - SequenceMatcher(None, one.name, other.name).ratio(), other.name


def followers(rename: Rename, changes: Iterable[Change]) -> list[Rename]:
    """Return the renames of what is named after what was renamed; `changes` is the comparison made since."""
    if rename.old.kind not in {Kind.TABLE, Kind.COLUMN}:
        return []
    table, schema = rename.new.within or rename.new.name, rename.new.schema or DEFAULT_SCHEMA
    by_key = {change.key: change for change in changes}
    return [
        Rename(place := Place(key.kind, key.name, key.table or None, _schema(key)), replace(place, name=name))
        for key, change in by_key.items()
        if change.action is Action.REMOVE and key.kind in _FOLLOWING
        if key.schema == schema and key.table in {table, ""}
        if (name := key.name.replace(rename.old.name, rename.new.name)) != key.name
        if (other := by_key.get(key._replace(name=name))) and other.action is Action.ADD
    ]


def _schema(key: Key) -> str | None:
    return None if key.schema == DEFAULT_SCHEMA else key.schema
