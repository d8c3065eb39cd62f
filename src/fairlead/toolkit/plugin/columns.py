"""The SQL of a column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from fairlead.toolkit.catalogue import Thing
from fairlead.toolkit.naming import literal, quoted
from fairlead.toolkit.plugin import settings

_Facts: TypeAlias = Mapping[str, Any]


def made(thing: Thing) -> Iterator[str]:
    """Yield what adds the column; one that comes from a parent is there already, but for what is its own."""
    facts = thing.facts
    if (inherited := thing.as_inherited()) is not None:
        yield from altered(inherited, thing)
        return
    parts = [f"alter table {thing.relation} add column {quoted(thing.name)} {_type(facts)}"]
    if facts.get("generated"):
        parts.append(f"generated always as ({facts['generated']}) {facts['generated kind']}")
    if facts.get("identity"):
        parts.append(f"generated {facts['identity']} as identity ({facts['identity sequence']})")
    parts += [f"default {facts['default']}"] if facts.get("default") else []
    parts += [] if facts["nullable"] else ["not null"]
    yield " ".join(parts)
    yield from _storage(_column(thing), {}, facts)


def gone(thing: Thing) -> Iterator[str]:
    """Yield what drops the column; one that comes from a parent goes with that."""
    if thing.facts.get("inherited") is None:
        yield f"alter table {thing.relation} drop column {quoted(thing.name)}"


def plain(thing: Thing) -> Thing:
    """Return a column as it is when nothing generates it."""
    return Thing(thing.key, {fact: value for fact, value in thing.facts.items() if fact not in _GENERATED})


def altered(before: Thing, after: Thing) -> Iterator[str]:
    """Yield what changes the column.

    One that is generated otherwise is made again, for its values are no loss; one that is not generated any more keeps
    its values.
    """
    if after.facts.get("generated") and _differ(before.facts, after.facts, *_GENERATED):
        yield from gone(before)
        yield from made(after)
        yield from settings.comment(None, after)
    elif before.facts.get("generated") and not after.facts.get("generated"):
        yield from _kept(before)
        yield from _changed(after, plain(before).facts)
    else:
        yield from _changed(after, before.facts)


def _changed(after: Thing, was: _Facts) -> Iterator[str]:
    now = after.facts
    column = _column(after)
    default = _differ(was, now, "default", "type")  # a default of the old type would be in the way of the new one
    if default and was.get("default"):
        yield f"{column} drop default"
    if was.get("identity") and not now.get("identity"):
        yield from _handed_over(after, now.get("default"), to_identity=False)
        yield f"{column} drop identity"
    if _differ(was, now, "type", "collation"):
        cast = f" using {quoted(after.name)}::{now['type']}" if _differ(was, now, "type") else ""
        yield f"{column} type {_type(now)}{cast}"
    if default and now.get("default"):
        yield f"{column} set default {now['default']}"
    yield from _not_null(after, was, now)
    yield from _identity(column, was, now)
    if now.get("identity") and not was.get("identity"):
        yield from _handed_over(after, was.get("default"), to_identity=True)
    yield from _storage(column, was, now)


def _not_null(thing: Thing, was: _Facts, now: _Facts) -> Iterator[str]:
    """Yield the change of NOT NULL; since PostgreSQL 18 one may be there of which the rows know nothing."""
    if _differ(was, now, "nullable"):
        yield f"{_column(thing)} {'drop' if now['nullable'] else 'set'} not null"
    if not _differ(was, now, "not validated") or was["nullable"] or now["nullable"]:
        return
    if name := now.get("not validated"):
        yield f"{_column(thing)} drop not null"
        yield f"alter table {thing.relation} add constraint {quoted(name)} not null {quoted(thing.name)} not valid"
    else:
        yield f"alter table {thing.relation} validate constraint {quoted(was['not validated'])}"


def _kept(thing: Thing) -> Iterator[str]:
    """Yield what makes a column plain, with its values; those of a virtual one have to be stored for a moment."""
    if thing.facts["generated kind"] == "virtual":
        stored = Thing(thing.key, {**thing.facts, "generated kind": "stored"})
        yield from gone(thing)
        yield from made(stored)
        yield from settings.comment(None, stored)
    yield f"{_column(thing)} drop expression"


_GENERATED: Final = ("generated", "generated kind")


def _identity(column: str, was: _Facts, now: _Facts) -> Iterator[str]:
    if not now.get("identity"):
        return
    if not was.get("identity"):
        yield f"{column} add generated {now['identity']} as identity ({now['identity sequence']})"
    else:
        if _differ(was, now, "identity"):
            yield f"{column} set generated {now['identity']}"
        if _differ(was, now, "identity sequence"):
            cycle = now["identity sequence"].endswith(" cycle")
            options = now["identity sequence"].removesuffix(" cycle")
            options = re.sub("(start with|increment by|minvalue|maxvalue|cache)", r"set \1", options)
            yield f"{column} {options} set {'' if cycle else 'no '}cycle"


def _handed_over(thing: Thing, default: str | None, *, to_identity: bool) -> Iterator[str]:
    """Let the numbers go on where they are: from the sequence that a default calls to the identity's, or back."""
    called = _CALLS.fullmatch(default or "")
    if called is None:
        return
    ends = (_OWN, called[1]) if to_identity else (called[1], _OWN)
    yield (
        f"select setval({ends[0]}, pg_sequence_last_value({ends[1]})) from pg_depend s join pg_attribute a "  # noqa: S608 - quoted names
        "on a.attrelid = s.refobjid and a.attnum = s.refobjsubid where s.classid = 'pg_class'::regclass "
        f"and s.deptype = 'i' and s.refobjid = {literal(thing.relation)}::regclass "
        f"and a.attname = {literal(thing.name)}"
    )


_CALLS: Final = re.compile(r"nextval\(('(?:[^']|'')+'::regclass)\)")
_OWN: Final = "s.objid::regclass"


def _storage(column: str, was: _Facts, now: _Facts) -> Iterator[str]:
    # PostgreSQL 15 knows no `set storage default`; of the types that have a choice these are the exceptions.
    stored = "main" if str(now.get("type", "")).startswith(("numeric", "inet", "cidr")) else "extended"
    for fact, usual in (("storage", stored), ("compression", "default"), ("statistics", -1)):
        if _differ(was, now, fact):
            yield f"{column} set {fact} {now.get(fact, usual)}"
    if _differ(was, now, "options"):
        old = [entry.partition("=")[0] for entry in was.get("options", [])]
        if old:
            yield f"{column} reset ({', '.join(old)})"
        if now.get("options"):
            yield f"{column} set ({', '.join(now['options'])})"


def _column(thing: Thing) -> str:
    return f"alter table {thing.relation} alter column {quoted(thing.name)}"


def _type(facts: _Facts) -> str:
    return str(facts["type"]) + (f" collate {facts['collation']}" if facts.get("collation") else "")


def _differ(was: _Facts, now: _Facts, *facts: str) -> bool:
    return any(was.get(fact) != now.get(fact) for fact in facts)
