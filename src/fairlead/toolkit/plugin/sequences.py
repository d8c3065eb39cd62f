"""Sequences that columns own: those that SERIAL makes, and those that are made before their column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fairlead.toolkit.catalogue import Kind, Thing
from fairlead.toolkit.change import Change
from fairlead.toolkit.naming import quoted


def is_serial(sequence: Thing, things: Iterable[Thing]) -> bool:
    """Tell whether a sequence is the one that SERIAL makes for the column, one of `things`, that owns it."""
    owner = sequence.facts.get("owned by")
    return owner is not None and any(
        f"{one.relation}.{quoted(one.name)}" == owner and sequence.name == serial_name(one.key.table, one.name)
        for one in things
        if one.kind is Kind.COLUMN
    )


def serial_name(table: str, column: str, label: str = "seq") -> str:
    """Return what PostgreSQL calls the sequence of a serial column: of a long name it leaves off what is too much.

    Where that name is taken, it tries the label "seq1".
    """
    room = _ROOM - len(label)
    first, second = table.encode(), column.encode()
    while len(first) + len(second) > room:
        first, second = (first[:-1], second) if len(first) > len(second) else (first, second[:-1])
    whole = (name.decode(errors="ignore") for name in (first, second))  # no half of a character
    return "_".join([*whole, label])


_ROOM: Final = 63 - len("__")


def freed(sequence: Thing) -> Thing:
    """Return a sequence as it can be made before the column that owns it."""
    return Thing(sequence.key, {fact: value for fact, value in sequence.facts.items() if fact != "owned by"})


def aside(sequence: Thing, changes: Iterable[Change]) -> str | None:
    """Return what the sequence of an identity is called meanwhile, where a new one takes its name; None: none does.

    It is so where the column that owns the new one is an identity no more. On the way back PostgreSQL itself calls the
    identity's so, while the other is there.
    """
    for change in changes:
        key, was = change.key, change.facts.get("identity", (None,))[0]
        owner = f"{change.thing.relation}.{quoted(key.name)}"
        if was and owner == sequence.facts.get("owned by") and sequence.name == serial_name(key.table, key.name):
            return serial_name(key.table, key.name, "seq1")
    return None
