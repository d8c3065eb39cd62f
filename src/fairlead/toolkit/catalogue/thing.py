"""A thing of the catalogue: what it is, what it is called, and the facts by which it is compared.

Names are raw, as the catalogue holds them; `qualified` writes them into SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from fairlead.db.migrating.revisions import DEFAULT_SCHEMA
from fairlead.toolkit.naming import quoted


class Kind(StrEnum):
    """The kinds of things; the value is the word in sentences. In the order in which they can be made."""

    SCHEMA = "schema"
    EXTENSION = "extension"
    ENUM = "enum"
    COMPOSITE = "composite type"
    RANGE = "range type"
    DOMAIN = "domain"
    SEQUENCE = "sequence"
    OTHER = "other"
    FUNCTION = "function"
    TABLE = "table"
    COLUMN = "column"
    CONSTRAINT = "constraint"
    INDEX = "index"
    STATISTICS = "statistics"
    VIEW = "view"
    RULE = "rule"
    TRIGGER = "trigger"
    POLICY = "policy"
    GRANT = "grant"
    DEFAULT_GRANT = "default privileges"
    PUBLICATION = "publication"
    EVENT_TRIGGER = "event trigger"


class Key(NamedTuple):
    """What tells a thing from every other of a catalogue. `table` is empty for what belongs to none."""

    kind: Kind
    schema: str
    table: str
    name: str


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing. A fact that is not there is None; what it `needs` is no fact, but what it is built on."""

    key: Key
    facts: Mapping[str, Any] = field(default_factory=dict)
    needs: frozenset[Key] = field(default=frozenset(), compare=False)

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.key.kind

    @property
    def name(self) -> str:
        """Its own name, raw."""
        return self.key.name

    @property
    def relation(self) -> str:
        """The table it is, or belongs to, as SQL writes it."""
        return qualified(self.key.schema, self.key.table)

    @property
    def identity(self) -> str:
        """Its own name as SQL writes it where it is looked up in a schema."""
        return qualified(self.key.schema, self.key.name)

    def as_inherited(self) -> Thing | None:
        """Return a column or a trigger as it would be without anything of its own; None for one that is no parent's."""
        inherited = self.facts.get("inherited")
        if inherited is None:
            return None
        facts = {fact: value for fact, value in {**self.facts, **inherited}.items() if value is not None}
        return Thing(self.key, facts)

    @property
    def title(self) -> str:
        """What people call it: `policy queues_tenant on queues`."""
        if self.kind is Kind.COLUMN:
            return f"column {self.relation}.{self.name}"
        if self.kind in {Kind.GRANT, Kind.DEFAULT_GRANT}:
            return _grant(self)
        if self.kind is Kind.OTHER:
            return self.name
        if self.kind in _ON_A_TABLE:
            return f"{self.kind} {self.name} on {self.relation}"
        if self.kind in {Kind.SCHEMA, Kind.EXTENSION, Kind.PUBLICATION, Kind.EVENT_TRIGGER}:
            return f"{self.kind} {self.name}"
        return f"{self.kind} {qualified(self.key.schema, self.key.name, quote=False)}"


Catalogue: TypeAlias = Mapping[Key, Thing]

_ON_A_TABLE = {Kind.CONSTRAINT, Kind.INDEX, Kind.STATISTICS, Kind.RULE, Kind.TRIGGER, Kind.POLICY}


def _grant(thing: Thing) -> str:
    facts, grantee = thing.facts, "its owner" if thing.facts.get("usual") else thing.facts["grantee"]
    if thing.kind is Kind.GRANT:
        return f"grant on {facts['object']} to {grantee}"
    place = f"schema {thing.key.schema}" if thing.key.schema else "every schema"
    return f"default grant on {facts['object']} of {place} to {grantee}"


def qualified(schema: str, name: str, *, quote: bool = True) -> str:
    """Return a name with its schema, which is left out for the default one."""
    own = quoted(name) if quote else name
    return own if schema in {"", DEFAULT_SCHEMA} else f"{quoted(schema)}.{own}"
