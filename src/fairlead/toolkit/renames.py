"""Renames: what left the models and what came in, which of them are the same thing, and the DDL that keeps its rows.

To a comparison a renamed column is one that is dropped, with its data, and another that is added. Only a person knows
better, so whatever is dropped while something of its kind is added beside it is a question. An answer is carried out
on the shadow database and the comparison is made again from there: a column renamed in a renamed table, or renamed and
changed at once, is found like any other.

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
    Kind.COLUMN: "ALTER TABLE {within} RENAME COLUMN {old} TO {new}",
    "value": "ALTER TYPE {within} RENAME VALUE {old_value} TO {new_value}",
    Kind.INDEX: "ALTER INDEX {path} RENAME TO {new}",
    Kind.CONSTRAINT: "ALTER TABLE {within} RENAME CONSTRAINT {old} TO {new}",
    Kind.POLICY: "ALTER POLICY {old} ON {within} RENAME TO {new}",
    Kind.TRIGGER: "ALTER TRIGGER {old} ON {within} RENAME TO {new}",
    Kind.SEQUENCE: "ALTER SEQUENCE {path} RENAME TO {new}",
    Kind.STATISTICS: "ALTER STATISTICS {path} RENAME TO {new}",
}
_FOLLOWING: Final = {Kind.INDEX, Kind.CONSTRAINT, Kind.POLICY, Kind.TRIGGER, Kind.SEQUENCE, Kind.STATISTICS}


@dataclass(frozen=True, slots=True)
class Place:
    """Something with a name. `within` is its table or, for an enum's value, its type; None for a table."""

    kind: Renamed
    name: str
    within: str | None = None
    schema: str | None = None
    shape: frozenset[str] = field(default=frozenset(), compare=False)  # what it is made of, to tell what is like it

    def __str__(self) -> str:
        """Say it as it is passed to a command: `users`, `users.email`, `shop.users.email`."""
        return path_of(self.schema, self.within if self.kind in {Kind.COLUMN, "value"} else None, self.name)


@dataclass(frozen=True, slots=True)
class Question:
    """Was what is `gone` from the models renamed to one of `candidates`, the likeliest first; or is it dropped."""

    gone: Place
    candidates: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Rename:
    """One thing that gets another name and keeps all it holds."""

    old: Place
    new_name: str

    @property
    def new(self) -> Place:
        """What it is called afterwards."""
        return replace(self.old, name=self.new_name)

    def statement(self) -> str:
        """Return the DDL."""
        old = self.old
        return _STATEMENTS[old.kind].format(
            path=quoted(old.schema, old.name),
            within=quoted(old.schema, old.within),
            old=quoted(old.name),
            new=quoted(self.new_name),
            old_value=literal(old.name),
            new_value=literal(self.new_name),
        )

    def reversed(self) -> Rename:
        """Return what takes it back."""
        return Rename(self.new, self.old.name)

    def __str__(self) -> str:
        """Say it for people."""
        return f"rename {self.old.kind} {self.old} to {self.new_name}"


def questions(changes: Iterable[Change]) -> list[Question]:
    """Return what has to be decided about tables, columns and the values of enums."""
    everything = list(changes)
    places = list(_places(everything))
    gone = [place for action, place in places if action is Action.REMOVE]
    came = [place for action, place in places if action is Action.ADD]
    asked = []
    for place in sorted(gone, key=str):
        beside = [other for other in came if replace(other, name=place.name) == place]
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
        elif change.kind is Kind.ENUM and "values" in change.facts:
            before, after = change.facts["values"]
            yield from ((Action.REMOVE, Place("value", one, change.name, schema)) for one in before if one not in after)
            yield from ((Action.ADD, Place("value", one, change.name, schema)) for one in after if one not in before)


def _columns(table: Change, changes: list[Change]) -> frozenset[str]:
    return frozenset(one.name for one in changes if one.kind is Kind.COLUMN and one.key[1:3] == table.key[1:3])


def _unlikeness(one: Place, other: Place) -> tuple[float, str]:
    """Sort what is like it first; what they are made of counts twice as much as how they are called."""
    shapes = one.shape | other.shape
    made_alike = len(one.shape & other.shape) / len(shapes) if shapes else 0
    return -2 * made_alike - SequenceMatcher(None, one.name, other.name).ratio(), other.name


def followers(rename: Rename, changes: Iterable[Change]) -> list[Rename]:
    """Return the renames of what is named after what was renamed; `changes` is the comparison made since."""
    if rename.old.kind not in {Kind.TABLE, Kind.COLUMN}:
        return []
    table = rename.new_name if rename.old.kind is Kind.TABLE else rename.old.within
    by_key = {change.key: change for change in changes}
    return [
        Rename(Place(key.kind, key.name, key.table or None, _schema(key)), name)
        for key, change in by_key.items()
        if change.action is Action.REMOVE and key.kind in _FOLLOWING and key.table in {table, ""}
        if (name := key.name.replace(rename.old.name, rename.new_name)) != key.name
        if (other := by_key.get(key._replace(name=name))) and other.action is Action.ADD
    ]


def _schema(key: Key) -> str | None:
    return None if key.schema == DEFAULT_SCHEMA else key.schema
