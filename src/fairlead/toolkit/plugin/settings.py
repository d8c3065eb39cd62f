"""The SQL of what a table or another thing has beside its make-up: storage, row security, owner, comment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Kind, Thing
from fairlead.toolkit.naming import literal, quoted

_NOUNS: Final = {Kind.ENUM: "type", Kind.COMPOSITE: "type", Kind.RANGE: "type"}
_LOOKED_UP_IN_A_SCHEMA: Final = {
    Kind.ENUM,
    Kind.COMPOSITE,
    Kind.RANGE,
    Kind.DOMAIN,
    Kind.SEQUENCE,
    Kind.TABLE,
    Kind.INDEX,
    Kind.STATISTICS,
    Kind.VIEW,
}
_OWNED: Final = _LOOKED_UP_IN_A_SCHEMA - {Kind.INDEX} | {Kind.SCHEMA, Kind.FUNCTION, Kind.PUBLICATION}
_PLAIN_VALUE: Final = re.compile(r"[\w.+-]+")


def enclosed(expression: str) -> str:
    """Return an expression in parentheses; those that it has around the whole of it will do."""
    depth = 0
    for position, character in enumerate(re.sub(r"'[^']*'", lambda text: "x" * len(text.group()), expression)):
        depth += (character == "(") - (character == ")")
        if depth == 0 and position < len(expression) - 1:
            return f"({expression})"
    return expression if expression.startswith("(") else f"({expression})"


def noun(thing: Thing) -> str:
    """Return what SQL calls the kind of thing in DROP, ALTER and COMMENT."""
    if thing.facts.get("materialized"):
        return "materialized view"
    if thing.facts.get("foreign server"):
        return "foreign table"
    if thing.facts.get("procedure"):
        return "procedure"
    if thing.facts.get("aggregate"):
        return "aggregate"
    return _NOUNS.get(thing.kind, thing.kind.value)


def reference(thing: Thing) -> str:
    """Return the name by which SQL finds the thing. That of a function is quoted in the catalogue already."""
    if thing.kind is Kind.FUNCTION:
        return thing.name if thing.key.schema == DEFAULT_SCHEMA else f"{quoted(thing.key.schema)}.{thing.name}"
    return thing.identity if thing.kind in _LOOKED_UP_IN_A_SCHEMA else quoted(thing.name)


def owner(before: Thing, after: Thing) -> Iterator[str]:
    """Yield the change of the owner; one that is not told is the login at work."""
    new = after.facts.get("owner")
    if before.facts.get("owner") != new and after.kind in _OWNED:
        yield f"alter {noun(after)} {reference(after)} owner to {quoted(new) if new else 'session_user'}"


def comment(before: Thing | None, after: Thing) -> Iterator[str]:
    """Yield the change of the comment."""
    text = after.facts.get("comment")
    if (before.facts.get("comment") if before else None) == text:
        return
    name = f"{after.relation}.{quoted(after.name)}" if after.kind is Kind.COLUMN else reference(after)
    on = f" on {after.relation}" if after.kind in {Kind.CONSTRAINT, Kind.RULE, Kind.TRIGGER, Kind.POLICY} else ""
    yield f"comment on {noun(after)} {name}{on} is {'null' if text is None else literal(text)}"


def table_made(thing: Thing) -> Iterator[str]:
    """Yield the making of a table without its columns, which are things of their own; a partition has its table's."""
    facts = thing.facts
    if facts.get("foreign server"):
        return
    unlogged = "unlogged " if facts.get("persistence") else ""
    partitioned = f" partition by {facts['partition key']}" if facts.get("partition key") else ""
    if facts.get("partition of"):
        what = f" partition of {facts['partition of']} {facts['bound']}"
    else:
        what = " ()" + (f" inherits ({', '.join(facts['inherits'])})" if facts.get("inherits") else "")
    yield f"create {unlogged}table {thing.relation}{what}{partitioned}"
    made = {"persistence", "partition key", "partition of", "bound", "inherits", "owner", "comment"}
    yield from table_altered(Thing(thing.key, {fact: facts[fact] for fact in made if fact in facts}), thing)


def table_altered(before: Thing, after: Thing) -> Iterator[str]:
    """Yield the change of a table's settings; nothing for its partition key, which cannot be changed."""
    alter = f"alter table {after.relation}"
    was, now = before.facts, after.facts
    for fact, on, off in _SWITCHES:
        if bool(was.get(fact)) != bool(now.get(fact)):
            yield f"{alter} {on if now.get(fact) else off}"
    for fact, prefix in (("storage parameters", ""), ("toast parameters", "toast.")):
        changed = _parameters(was.get(fact, []), now.get(fact, []), prefix)
        yield from (f"{alter} {change}" for change in changed)
    for fact, phrase, usual in _PHRASES:
        if was.get(fact) != now.get(fact):
            yield f"{alter} {phrase} {now.get(fact) or usual}"
    if was.get("clustered on") != now.get("clustered on"):
        yield clustered(alter, after)
    yield from _lineage(before, after)


def clustered(alter: str, thing: Thing) -> str:
    """Return the change of the index by which CLUSTER orders the rows."""
    index = thing.facts.get("clustered on")
    return f"{alter} cluster on {index}" if index else f"{alter} set without cluster"


_SWITCHES: Final = (
    ("persistence", "set unlogged", "set logged"),
    ("row-level security", "enable row level security", "disable row level security"),
    ("forced row-level security", "force row level security", "no force row level security"),
)
_PHRASES: Final = (
    ("replica identity", "replica identity", "default"),
    ("access method", "set access method", "heap"),
    ("tablespace", "set tablespace", "pg_default"),
)


def _parameters(was: list[str], now: list[str], prefix: str) -> Iterator[str]:
    new = {name: value for name, _, value in (entry.partition("=") for entry in now if entry not in was)}
    gone = sorted({entry.partition("=")[0] for entry in was} - {entry.partition("=")[0] for entry in now})
    if new:
        given = ", ".join(f"{prefix}{name} = {_value(value)}" for name, value in new.items())
        yield f"set ({given})"
    if gone:
        yield f"reset ({', '.join(f'{prefix}{name}' for name in gone)})"


def _value(text: str) -> str:
    return text if _PLAIN_VALUE.fullmatch(text) else literal(text)


def _lineage(before: Thing, after: Thing) -> Iterator[str]:
    was, now = before.facts, after.facts
    if (was.get("partition of"), was.get("bound")) != (now.get("partition of"), now.get("bound")):
        if was.get("partition of"):
            yield f"alter table {was['partition of']} detach partition {after.relation}"
        if now.get("partition of"):
            yield f"alter table {now['partition of']} attach partition {after.relation} {now['bound']}"
    old, new = was.get("inherits", []), now.get("inherits", [])
    yield from (f"alter table {after.relation} no inherit {parent}" for parent in old if parent not in new)
    yield from (f"alter table {after.relation} inherit {parent}" for parent in new if parent not in old)
