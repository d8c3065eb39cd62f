"""Sequences that columns own: those that SERIAL makes, and those that are made before their column."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.toolkit.catalogue import Kind, Thing
from fairlead.toolkit.naming import quoted


def is_serial(sequence: Thing, things: Iterable[Thing]) -> bool:
    """Tell whether a sequence is the one that SERIAL makes for the column, one of `things`, that owns it."""
    owner = sequence.facts.get("owned by")
    return owner is not None and any(
        f"{one.relation}.{quoted(one.name)}" == owner and sequence.name == f"{one.key.table}_{one.name}_seq"
        for one in things
        if one.kind is Kind.COLUMN
    )


def freed(sequence: Thing) -> Thing:
    """Return a sequence as it can be made before the column that owns it."""
    return Thing(sequence.key, {fact: value for fact, value in sequence.facts.items() if fact != "owned by"})
