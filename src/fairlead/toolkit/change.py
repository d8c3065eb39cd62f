"""What differs between two catalogues: one database as it was found, and one as the models declare it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fairlead.toolkit.catalogue import Catalogue, Key, Kind, Thing

MODELS: Final = "the models"
_LONGEST: Final = 300
_WHOLE: Final = {"definition", "columns"}  # not said when a part of it differs too: they repeat it
_BESIDE: Final = {"owner", "comment", "fires", "valid", "validated", "enforcement", "statistics"}  # are no part of it
_HOLDS_ROWS: Final = {Kind.TABLE, Kind.COLUMN, Kind.SEQUENCE}


class Action(StrEnum):
    """What has to be done so that the found is the declared."""

    ADD = "add"
    REMOVE = "remove"
    ALTER = "alter"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: as it was found and as it is declared; None where it is not there."""

    key: Key
    found: Thing | None
    declared: Thing | None

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.key.kind

    @property
    def schema(self) -> str:
        """The schema it is in."""
        return self.key.schema

    @property
    def table(self) -> str:
        """The table it is or belongs to; empty for what belongs to none."""
        return self.key.table

    @property
    def name(self) -> str:
        """Its own name."""
        return self.key.name

    @property
    def thing(self) -> Thing:
        """The declared thing, or the found one that is not declared."""
        thing = self.declared or self.found
        assert thing is not None  # noqa: S101 - a change has at least one side
        return thing

    @property
    def action(self) -> Action:
        """What has to be done."""
        if self.found is None:
            return Action.ADD
        return Action.REMOVE if self.declared is None else Action.ALTER

    @property
    def facts(self) -> dict[str, tuple[Any, Any]]:
        """The facts that differ, each as found and as declared; only of what is on both sides."""
        if self.found is None or self.declared is None:
            return {}
        before, after = self.found.facts, self.declared.facts
        names = [*before, *(name for name in after if name not in before)]
        return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}

    @property
    def destructive(self) -> bool:
        """Whether doing it throws rows or values away: a table, column or sequence goes, or a value of an enum."""
        if self.action is Action.REMOVE:
            return self.kind in _HOLDS_ROWS or bool(self.found and self.found.facts.get("materialized"))
        gone, stays = self.facts.get("values", ((), ()))
        return bool(set(gone or ()) - set(stays or ()))

    def reversed(self) -> Change:
        """Return the same change the other way."""
        return Change(self.key, self.declared, self.found)

    def sentence(self, place: str, *, wanted: str = MODELS) -> str:
        """Say what differs, where the found side is called `place`, such as "the database" or "the migrations".

        `wanted` is what the declared side is called.
        """
        if self.action is Action.ADD:
            there = "declared by the models" if wanted == MODELS else f"in {wanted}"
            return f"{_named(self.thing)} is {there} and missing in {place}"
        if self.action is Action.REMOVE:
            missing = "declared by the models" if wanted == MODELS else f"in {wanted}"
            return f"{_named(self.thing)} is in {place} and not {missing}"
        facts = [_said(fact, values, place, wanted) for fact, values in _telling_facts(self.facts).items()]
        return f"{self.thing.title} differs: {'; '.join(facts)}"


def changes(found: Catalogue, declared: Catalogue) -> list[Change]:
    """Return everything that differs, in the order in which things can be made; what is equal is not in it."""
    order = list(Kind)
    keys = sorted({**found, **declared}, key=lambda key: (order.index(key.kind), *key[1:]))
    pairs = [Change(key, *_sides(key, found, declared)) for key in keys]
    return [pair for pair in pairs if pair.found is None or pair.declared is None or pair.facts]


def _sides(key: Key, found: Catalogue, declared: Catalogue) -> tuple[Thing | None, Thing | None]:
    """Return both sides of a thing; one that has nothing of its own on one side is there as its parent's."""
    before, after = found.get(key), declared.get(key)
    table = Key(Kind.TABLE, key.schema, key.table, key.table)
    if key.kind in {Kind.COLUMN, Kind.TRIGGER} and table in found and table in declared:
        before = before or (after and after.as_inherited())
        after = after or (before and before.as_inherited())
    return before, after


def telling(everything: list[Change]) -> Iterator[Change]:
    """Yield the changes that say something by themselves: not what comes or goes with its table."""
    whole = {(one.schema, one.table) for one in everything if one.kind is Kind.TABLE and one.action is not Action.ALTER}
    whole |= {(one.schema, one.name) for one in everything if one.kind is Kind.VIEW and one.action is not Action.ALTER}
    for one in everything:
        if one.kind is Kind.TABLE or (one.schema, one.table) not in whole:
            yield one


def _named(thing: Thing) -> str:
    if thing.kind not in {Kind.GRANT, Kind.DEFAULT_GRANT}:
        return thing.title
    if usual := thing.facts.get("usual"):
        taken = ", ".join(right for right in usual if right not in thing.facts["privileges"])
        return f"revoke of {taken} on {thing.facts['object']} from its owner"
    if not thing.facts["privileges"]:
        return f"revoke of everything on {thing.facts['object']} from {thing.facts['grantee']}"
    return f"{', '.join(thing.facts['privileges'])}: {thing.title}"


def _telling_facts(facts: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    if not facts.keys() - _WHOLE - _BESIDE:
        return facts
    return {fact: values for fact, values in facts.items() if fact not in _WHOLE}


def _said(fact: str, values: tuple[Any, Any], place: str, wanted: str) -> str:
    found, declared = values
    if fact == "valid":
        return "it is not valid, as after a build that failed" if declared else "it is valid"
    name, show = _SAID.get(fact, (f"its {fact}", _shown))
    verb = "are" if isinstance(found or declared, list) else "is"
    return f"{name} {verb} {show(found)} in {place} and {show(declared)} in {wanted}"


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value).strip()
    return (text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…") or "nothing"


_SAID: Final[dict[str, tuple[str, Callable[[Any], str]]]] = {
    "nullable": ("it", lambda value: "nullable" if value else "not null"),
    "fires": ("it", _shown),
    "validated": ("it", lambda value: "validated" if value else "not validated"),
    "unique": ("it", lambda value: "unique" if value else "not unique"),
    "persistence": ("it", lambda value: value or "logged"),
    "privileges": ("they", _shown),
    "values": ("its values", _shown),
    "using": ("its USING", _shown),
    "with check": ("its WITH CHECK", _shown),
}
