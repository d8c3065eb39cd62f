"""The SQL of a thing: to make it, to take it away, and from what it was to what it is to be.

Every expression in it comes from the catalogue, so it is PostgreSQL's own text. A change that no statement can make (a
table's partition key) gives none: whoever writes the migration has to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from fairlead.toolkit.catalogue import Kind, Thing
from fairlead.toolkit.naming import literal, quoted
from fairlead.toolkit.plugin import columns, rights, settings

Statements: TypeAlias = tuple[str, ...]


def steps(before: Thing | None, after: Thing | None) -> Statements:
    """Return the statements that lead from one state of a thing to another; None is that it is not there."""
    if after is None:
        return () if before is None else tuple(_GONE.get(before.kind, _gone)(before))
    if before is None:
        return (*_MADE[after.kind](after), *settings.comment(None, after))
    changed = {fact for fact in {*before.facts, *after.facts} if before.facts.get(fact) != after.facts.get(fact)}
    whole = changed - {"comment", "owner"}
    made = tuple(_ALTERED.get(after.kind, _again)(before, after)) if whole else ()
    return (*made, *settings.owner(before, after), *settings.comment(before, after))


def whole(thing: Thing) -> Statements:
    """Return what makes a thing with its owner, also where that is another than who makes it."""
    return (*steps(None, thing), *settings.owner(Thing(thing.key), thing))


def _gone(thing: Thing) -> Iterator[str]:
    on = f" on {thing.relation}" if thing.kind in {Kind.RULE, Kind.TRIGGER, Kind.POLICY} else ""
    yield f"drop {settings.noun(thing)} {settings.reference(thing)}{on}"


def _constraint_gone(thing: Thing) -> Iterator[str]:
    yield f"alter table {thing.relation} drop constraint {quoted(thing.name)}"


def _again(before: Thing, after: Thing) -> Iterator[str]:
    yield from steps(before, None)
    yield from _MADE[after.kind](after)


def _other_gone(thing: Thing) -> Iterator[str]:
    yield f"drop {thing.name}"


def _by_hand(_thing: Thing) -> Iterator[str]:
    yield from ()


def _schema(thing: Thing) -> Iterator[str]:
    yield f"create schema {quoted(thing.name)}"


def _extension(thing: Thing) -> Iterator[str]:
    schema = thing.facts.get("schema")
    yield f"create extension if not exists {quoted(thing.name)}" + (f" schema {quoted(schema)}" if schema else "")


def _enum(thing: Thing) -> Iterator[str]:
    values = ", ".join(literal(value) for value in thing.facts["values"])
    yield f"create type {thing.identity} as enum ({values})"


def _composite(thing: Thing) -> Iterator[str]:
    yield f"create type {thing.identity} as ({', '.join(thing.facts['attributes'])})"
    yield from _column_comments(Thing(thing.key), thing)


def _range(thing: Thing) -> Iterator[str]:
    collation = thing.facts.get("collation")
    further = f", collation = {collation}" if collation else ""
    yield f"create type {thing.identity} as range (subtype = {thing.facts['subtype']}{further})"


def _domain(thing: Thing) -> Iterator[str]:
    facts = thing.facts
    parts = [f"create domain {thing.identity} as {facts['type']}"]
    parts += [f"collate {facts['collation']}"] if facts.get("collation") else []
    parts += [f"default {facts['default']}"] if facts.get("default") else []
    parts += [] if facts["nullable"] else ["not null"]
    parts += [f"constraint {quoted(name)} {check}" for name, check in facts.get("checks", {}).items()]
    yield " ".join(parts)
    yield from _check_comments(Thing(thing.key), thing)


def _domain_altered(before: Thing, after: Thing) -> Iterator[str]:
    """Change a domain that columns have; one of another type has to be made anew."""
    was, now, alter = before.facts, after.facts, f"alter domain {after.identity}"
    if (was["type"], was.get("collation")) != (now["type"], now.get("collation")):
        yield from _again(before, after)
        return
    old, new = was.get("checks") or {}, now.get("checks") or {}
    yield from (f"{alter} drop constraint {quoted(name)}" for name in old if new.get(name) != old[name])
    if was.get("default") != now.get("default"):
        yield f"{alter} set default {now['default']}" if now.get("default") else f"{alter} drop default"
    if was["nullable"] != now["nullable"]:
        yield f"{alter} {'drop' if now['nullable'] else 'set'} not null"
    yield from (f"{alter} add constraint {quoted(name)} {new[name]}" for name in new if new[name] != old.get(name))
    kept = {name: text for name, text in was.get("check comments", {}).items() if new.get(name) == old[name]}
    yield from _check_comments(Thing(before.key, {"check comments": kept}), after)


def _check_comments(before: Thing, after: Thing) -> Iterator[str]:
    was, now = before.facts.get("check comments", {}), after.facts.get("check comments", {})
    for name in (name for name in {**was, **now} if was.get(name) != now.get(name)):
        text = literal(now[name]) if name in now else "null"
        yield f"comment on constraint {quoted(name)} on domain {after.identity} is {text}"


def _sequence(thing: Thing) -> Iterator[str]:
    unlogged = "unlogged " if thing.facts.get("persistence") else ""
    yield f"create {unlogged}sequence {thing.identity} {_sequence_options(thing)}"


def _sequence_altered(before: Thing, after: Thing) -> Iterator[str]:
    if before.facts.get("persistence") != after.facts.get("persistence"):
        yield f"alter sequence {after.identity} set {after.facts.get('persistence', 'logged')}"
    if _sequence_options(before) != _sequence_options(after):
        yield f"alter sequence {after.identity} {_sequence_options(after)}"


def _sequence_options(thing: Thing) -> str:
    facts = thing.facts
    return (
        f"as {facts['type']} increment by {facts['increment']} minvalue {facts['minimum']} maxvalue {facts['maximum']} "
        f"start with {facts['start']} cache {facts['cache']} {'cycle' if facts['cycle'] else 'no cycle'} "
        f"owned by {facts.get('owned by', 'none')}"
    )


def _defined(thing: Thing) -> Iterator[str]:
    if thing.facts.get("definition"):  # that of an aggregate is not told
        yield thing.facts["definition"]


def _function_altered(before: Thing, after: Thing) -> Iterator[str]:
    if before.facts.get("returns") != after.facts.get("returns"):
        yield from _gone(before)
    yield from _defined(after)


def _constraint(thing: Thing) -> Iterator[str]:
    valid = "" if thing.facts["validated"] else " not valid"
    yield f"alter table {thing.relation} add constraint {quoted(thing.name)} {thing.facts['definition']}{valid}"


def _constraint_altered(before: Thing, after: Thing) -> Iterator[str]:
    alike = before.facts["definition"] == after.facts["definition"]
    if alike and after.facts["validated"] and not before.facts["validated"]:
        yield f"alter table {after.relation} validate constraint {quoted(after.name)}"
    else:
        yield from _again(before, after)


def _view(thing: Thing) -> Iterator[str]:
    yield from _view_made(thing)
    yield from _view_columns(Thing(thing.key), thing)


def _view_made(thing: Thing) -> Iterator[str]:
    make = "create materialized view" if thing.facts.get("materialized") else "create or replace view"
    options = f" with ({', '.join(thing.facts['options'])})" if thing.facts.get("options") else ""
    yield f"{make} {thing.identity}{options} as{thing.facts['definition']}"


def _view_altered(before: Thing, after: Thing) -> Iterator[str]:
    """Change a view; one with other columns, or materialized, is made anew before."""
    if any(before.facts.get(fact) != after.facts.get(fact) for fact in ("definition", "options")):
        yield from _view_made(after)
    yield from _view_columns(before, after)
    if before.facts.get("clustered on") != after.facts.get("clustered on"):
        yield settings.clustered(f"alter materialized view {after.identity}", after)
    if before.facts.get("without data") != after.facts.get("without data"):
        empty = " with no data" if after.facts.get("without data") else ""
        yield f"refresh materialized view {after.identity}{empty}"


def _view_columns(before: Thing, after: Thing) -> Iterator[str]:
    was, now = before.facts.get("column defaults", {}), after.facts.get("column defaults", {})
    for name in (name for name in {**was, **now} if was.get(name) != now.get(name)):
        change = f"set default {now[name]}" if name in now else "drop default"
        yield f"alter view {after.identity} alter column {quoted(name)} {change}"
    yield from _column_comments(before, after)


def _column_comments(before: Thing, after: Thing) -> Iterator[str]:
    was, now = before.facts.get("column comments", {}), after.facts.get("column comments", {})
    for name in (name for name in {**was, **now} if was.get(name) != now.get(name)):
        yield f"comment on column {after.identity}.{quoted(name)} is {literal(now[name]) if name in now else 'null'}"


def _trigger(thing: Thing) -> Iterator[str]:
    """Make a trigger, or a rule, which is switched in the same way; that of a parent is there already."""
    inherited = thing.as_inherited()
    if inherited is None:
        yield thing.facts["definition"]
    if thing.facts["fires"] != (inherited.facts["fires"] if inherited else "enabled"):
        yield _firing(thing)


def _event_trigger(thing: Thing) -> Iterator[str]:
    yield thing.facts["definition"]
    if thing.facts["fires"] != "enabled":
        yield f"alter event trigger {quoted(thing.name)} {_FIRING[thing.facts['fires']]}"


def _publication(thing: Thing) -> Iterator[str]:
    facts = thing.facts
    root = ", publish_via_partition_root = true" if facts.get("via root") else ""
    options = f"publish = {literal(facts['operations'])}{root}"
    yield f"create publication {quoted(thing.name)} {facts['definition']} with ({options})"


def _trigger_altered(before: Thing, after: Thing) -> Iterator[str]:
    if before.facts["definition"] == after.facts["definition"]:
        yield _firing(after)
    else:
        yield from _again(before, after)


def _firing(thing: Thing) -> str:
    return f"alter table {thing.relation} {_FIRING[thing.facts['fires']]} {thing.kind} {quoted(thing.name)}"


_FIRING: Final = {
    "enabled": "enable",
    "disabled": "disable",
    "on replicas only": "enable replica",
    "always": "enable always",
}
_MADE: Final[dict[Kind, Callable[[Thing], Iterator[str]]]] = {
    Kind.SCHEMA: _schema,
    Kind.EXTENSION: _extension,
    Kind.ENUM: _enum,
    Kind.COMPOSITE: _composite,
    Kind.RANGE: _range,
    Kind.DOMAIN: _domain,
    Kind.SEQUENCE: _sequence,
    Kind.OTHER: _by_hand,
    Kind.FUNCTION: _defined,
    Kind.TABLE: settings.table_made,
    Kind.COLUMN: columns.made,
    Kind.CONSTRAINT: _constraint,
    Kind.INDEX: _defined,
    Kind.STATISTICS: _defined,
    Kind.VIEW: _view,
    Kind.RULE: _trigger,
    Kind.TRIGGER: _trigger,
    Kind.POLICY: rights.policy_made,
    Kind.GRANT: rights.granted,
    Kind.DEFAULT_GRANT: rights.granted,
    Kind.PUBLICATION: _publication,
    Kind.EVENT_TRIGGER: _event_trigger,
}
_GONE: Final[dict[Kind, Callable[[Thing], Iterator[str]]]] = {
    Kind.OTHER: _other_gone,
    Kind.COLUMN: columns.gone,
    Kind.CONSTRAINT: _constraint_gone,
    Kind.GRANT: rights.revoked,
    Kind.DEFAULT_GRANT: rights.revoked,
}
_ALTERED: Final[dict[Kind, Callable[[Any, Any], Iterator[str]]]] = {
    Kind.DOMAIN: _domain_altered,
    Kind.SEQUENCE: _sequence_altered,
    Kind.FUNCTION: _function_altered,
    Kind.TABLE: settings.table_altered,
    Kind.COLUMN: columns.altered,
    Kind.CONSTRAINT: _constraint_altered,
    Kind.VIEW: _view_altered,
    Kind.RULE: _trigger_altered,
    Kind.TRIGGER: _trigger_altered,
    Kind.GRANT: rights.grant_altered,
    Kind.DEFAULT_GRANT: rights.grant_altered,
}
